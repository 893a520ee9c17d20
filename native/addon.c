// The Node-API shim: memory, the argument block and the launch. It knows nothing about any particular kernel.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8
#include "heed.h"
#include <dlfcn.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  const heed_entry *table;
} instruction_set;

// What one JavaScript thread sees of the addon.
typedef struct {
  const instruction_set *isa;
  double *args;
} instance;

#ifdef HEED_WITH_X86
static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
}
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static const instruction_set isas[] = {
    {"avx512", heed_table_avx512}, {"avx2", heed_table_avx2}, {"base", heed_table_base}};
static int supported(int index) {
  __builtin_cpu_init();
  return index == 0 ? has_avx512() : index == 1 ? has_avx2() : 1;
}
#else
static const instruction_set isas[] = {{"base", heed_table_base}};
static int supported(int index) { return index == 0; }
#endif
enum { ISA_COUNT = sizeof isas / sizeof *isas };

static const instruction_set *best_isa(void) {
  int index = 0;
  while (!supported(index)) index++;
  return &isas[index];
}

static const instruction_set *find_isa(const char *name) {
  for (int index = 0; index < ISA_COUNT; index++) {
    if (strcmp(isas[index].name, name) == 0 && supported(index)) return &isas[index];
  }
  return NULL;
}

static instance *instance_of(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv) {
  void *data = NULL;
  napi_get_cb_info(env, info, argc, argv, NULL, &data);
  return data;
}

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, "E_NATIVE", message);
  return NULL;
}

// Memory behind an ArrayBuffer, which is its own until it is freed or collected.
typedef struct {
  void *memory;
  size_t bytes;
} owned;

static void free_buffer(napi_env env, void *memory, void *hint) {
  (void)env;
  (void)memory;
  owned *own = hint;
  heed_release(own->memory, own->bytes);
  free(own);
}

// An ArrayBuffer over the memory; NULL with an exception, or without one where the runtime takes no outside memory.
static napi_value over_memory(napi_env env, void *memory, size_t bytes) {
  napi_value buffer;
  bool thrown = false;
  owned *own = malloc(sizeof *own);
  if (!own) {
    heed_release(memory, bytes);
    return fail(env, "alloc: out of memory");
  }
  *own = (owned){memory, bytes};
  if (napi_create_external_arraybuffer(env, memory, bytes, free_buffer, own, &buffer) == napi_ok) {
    napi_wrap(env, buffer, own, NULL, NULL, NULL);
    return buffer;
  }
  // Where the runtime refused the size it says so, and has called free_buffer already.
  napi_is_exception_pending(env, &thrown);
  if (!thrown) free_buffer(env, memory, own);
  return NULL;
}

// alloc(bytes): an ArrayBuffer over aligned memory, contents undefined.
static napi_value alloc(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, buffer;
  double bytes;
  bool thrown = false;
  instance_of(env, info, &argc, &argument);
  if (napi_get_value_double(env, argument, &bytes) != napi_ok || !(bytes >= 0)) {
    return fail(env, "alloc: expected a number of bytes");
  }
  void *memory = heed_allocate((size_t)bytes);
  if (!memory) return fail(env, "alloc: out of memory");
  buffer = over_memory(env, memory, (size_t)bytes);
  napi_is_exception_pending(env, &thrown);
  if (buffer || thrown) return buffer;
  // The runtime's own memory, without the alignment.
  if (napi_create_arraybuffer(env, (size_t)bytes, &memory, &buffer) == napi_ok) return buffer;
  return fail(env, "alloc: the runtime refused the buffer");
}

// free(buffer): the memory goes at once, the buffer and its views have length 0. The runtime's own is left to it.
static napi_value free_now(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value buffer;
  void *found = NULL;
  instance_of(env, info, &argc, &buffer);
  // Once only: after the first time the event loop takes away what was wrapped.
  if (napi_remove_wrap(env, buffer, &found) != napi_ok || napi_detach_arraybuffer(env, buffer) != napi_ok) return NULL;
  owned *own = found;
  heed_release(own->memory, own->bytes);
  own->memory = NULL;
  return NULL;
}

// address(buffer): where an ArrayBuffer or a typed array starts, as a number.
static napi_value address(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument, result;
  void *start = NULL;
  instance_of(env, info, &argc, &argument);
  if (napi_get_arraybuffer_info(env, argument, &start, NULL) != napi_ok &&
      napi_get_typedarray_info(env, argument, NULL, NULL, &start, NULL, NULL) != napi_ok) {
    return fail(env, "address: expected an ArrayBuffer or a typed array");
  }
  napi_create_double(env, (double)(uintptr_t)start, &result);
  return result;
}

// launch(kernelIndex): runs a kernel on the argument block; the bytes of working memory that were not to be had, or
// undefined.
static napi_value launch(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  int32_t kernel;
  instance *self = instance_of(env, info, &argc, &argument);
  if (napi_get_value_int32(env, argument, &kernel) != napi_ok || kernel < 0 || kernel >= heed_kernel_count) {
    return fail(env, "launch: expected the index of a kernel");
  }
  double lacking = heed_launch_block(self->isa->table[kernel].run, self->args);
  if (lacking < 0) return fail(env, "launch: the argument block is not valid");
  if (lacking == 0) return NULL;
  napi_value result;
  napi_create_double(env, lacking, &result);
  return result;
}

// The argument as a number of threads; 0, with an exception, when it is none.
static int32_t threads_or_throw(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  int32_t threads;
  instance_of(env, info, &argc, &argument);
  if (napi_get_value_int32(env, argument, &threads) == napi_ok && threads >= 1) return threads;
  fail(env, "setThreads: expected a whole number, at least 1");
  return 0;
}

static napi_value set_threads(napi_env env, napi_callback_info info) {
  int32_t threads = threads_or_throw(env, info);
  if (threads) heed_set_threads(threads);
  return NULL;
}

static napi_value propose_threads(napi_env env, napi_callback_info info) {
  int32_t threads = threads_or_throw(env, info);
  if (threads) heed_propose_threads(threads);
  return NULL;
}

static napi_value limit_scratch(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  double bytes;
  instance_of(env, info, &argc, &argument);
  if (napi_get_value_double(env, argument, &bytes) != napi_ok || !(bytes >= 0)) {
    return fail(env, "limitScratch: expected a number of bytes");
  }
  heed_limit_scratch(bytes < (double)PTRDIFF_MAX ? (size_t)bytes : SIZE_MAX);
  return NULL;
}

static napi_value threads(napi_env env, napi_callback_info info) {
  napi_value result;
  (void)info;
  napi_create_int32(env, heed_threads(), &result);
  return result;
}

static napi_value isa(napi_env env, napi_callback_info info) {
  size_t argc = 0;
  napi_value result;
  instance *self = instance_of(env, info, &argc, NULL);
  napi_create_string_utf8(env, self->isa->name, NAPI_AUTO_LENGTH, &result);
  return result;
}

// bf16(): the unit with which gemm_bf16 multiplies, or undefined where it would only be fp32.
static napi_value bf16(napi_env env, napi_callback_info info) {
  static const char *const units[] = {[HEED_BF16_VECTOR] = "avx512_bf16", [HEED_BF16_AMX] = "amx"};
  size_t argc = 0;
  napi_value result = NULL;
  instance *self = instance_of(env, info, &argc, NULL);
  const char *unit = strcmp(self->isa->name, "avx512") == 0 ? units[heed_bf16_unit()] : NULL;
  if (unit) napi_create_string_utf8(env, unit, NAPI_AUTO_LENGTH, &result);
  return result;
}

static const instruction_set *isa_or_throw(napi_env env, const char *name) {
  const instruction_set *found = find_isa(name);
  if (!found) fail(env, "setIsa: expected an instruction set of this CPU (avx512, avx2 or base)");
  return found;
}

static napi_value set_isa(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  char name[16] = "";
  instance *self = instance_of(env, info, &argc, &argument);
  napi_get_value_string_utf8(env, argument, name, sizeof name, NULL);
  const instruction_set *found = isa_or_throw(env, name);
  if (found) self->isa = found;
  return NULL;
}

static void set_function(napi_env env, napi_value exports, const char *name, napi_callback function, instance *self) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, self, &value);
  napi_set_named_property(env, exports, name, value);
}

static void set_kernel_names(napi_env env, napi_value exports) {
  napi_value names, name;
  napi_create_array_with_length(env, (size_t)heed_kernel_count, &names);
  for (int k = 0; k < heed_kernel_count; k++) {
    napi_create_string_utf8(env, heed_table_base[k].name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, (uint32_t)k, name);
  }
  napi_set_named_property(env, exports, "kernelNames", names);
}

static void set_args(napi_env env, napi_value exports, instance *self) {
  napi_value buffer, view;
  void *memory = NULL;
  napi_create_arraybuffer(env, HEED_BLOCK_DOUBLES * sizeof(double), &memory, &buffer);
  memset(memory, 0, HEED_BLOCK_DOUBLES * sizeof(double));
  self->args = memory;
  napi_create_typedarray(env, napi_float64_array, HEED_BLOCK_DOUBLES, buffer, 0, &view);
  napi_set_named_property(env, exports, "args", view);
  // The block lives as long as the instance, whatever JavaScript does with its view.
  napi_ref reference;
  napi_create_reference(env, buffer, 1, &reference);
}

static void free_instance(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

// The pool's threads outlive the JavaScript thread that loaded the addon first, so its code must stay.
static void stay_loaded(void) {
  Dl_info self;
  if (dladdr((void *)&stay_loaded, &self) && self.dli_fname) dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  stay_loaded();
  instance *self = calloc(1, sizeof *self);
  if (!self) return fail(env, "heed: out of memory");
  napi_set_instance_data(env, self, free_instance, NULL);
  const char *wanted = getenv("HEED_ISA");
  self->isa = wanted && *wanted ? isa_or_throw(env, wanted) : best_isa();
  if (!self->isa) return NULL;
  set_args(env, exports, self);
  set_kernel_names(env, exports);
  set_function(env, exports, "alloc", alloc, self);
  set_function(env, exports, "free", free_now, self);
  set_function(env, exports, "address", address, self);
  set_function(env, exports, "launch", launch, self);
  set_function(env, exports, "setThreads", set_threads, self);
  set_function(env, exports, "proposeThreads", propose_threads, self);
  set_function(env, exports, "threads", threads, self);
  set_function(env, exports, "limitScratch", limit_scratch, self);
  set_function(env, exports, "isa", isa, self);
  set_function(env, exports, "setIsa", set_isa, self);
  set_function(env, exports, "bf16", bf16, self);
  return exports;
}
