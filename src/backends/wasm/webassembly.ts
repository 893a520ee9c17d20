/** The part of the WebAssembly interface that heed uses: TypeScript keeps it among the browser's types only. */

/** Memory that may grow; with `shared`, arrays over it stay valid when it does. */
export interface Memory {
  /** A new object after each growth; older ones are shorter views of the same memory. */
  readonly buffer: SharedArrayBuffer;
  /** @throws {RangeError} when there is no room */
  grow(pages: number): number;
}

/** Compiled code. */
export type CompiledModule = object & { readonly module: unique symbol };

interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface WebAssemblyInterface {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => Memory;
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (
    module: CompiledModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => Instance;
  readonly validate: (bytes: Uint8Array) => boolean;
}

/** The global object of that name. */
export const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface };
