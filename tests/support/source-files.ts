/** The project's own files as text and as syntax trees, for the tests that enforce house rules. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { filesBelow, root } from './built-package.ts';

/** Files of the project below the folders that are its own, relative to its root. */
export function projectFiles(): string[] {
  const folders = [
    'src',
    'tests',
    'native',
    'scripts',
    'examples',
    'recipes',
    'docs',
    'bench',
    'labs',
    '.ci',
  ];
  const below = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => filesBelow(join(root, folder)).map((file) => join(folder, file)))
    .filter((file) => !/\/(node_modules|venv)\//.test(file)); // peers of the benchmarks
  const above = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'biome.json'];
  return [...below, ...above];
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** TypeScript files of the library itself. */
export function librarySources(): string[] {
  return projectFiles().filter((file) => /^src\/.*(?<!\.test)\.ts$/.test(file));
}

/** What a file imports, re-exports or refers to as a type, as it is written. */
export function importsOf(file: string): string[] {
  const tree = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const target = moduleOf(node);
    if (target && ts.isStringLiteral(target)) found.push(target.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function moduleOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return node.arguments[0];
  return undefined;
}

/** A relative import as a file of the project. */
export function resolved(from: string, target: string): string {
  return relative(root, join(root, dirname(from), target));
}

/** Lines on which `any` stands as a type, without those that say why. */
export function anyTypes(file: string): number[] {
  const text = read(file);
  const lines = text.split('\n');
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: number[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      if (!/biome-ignore lint\/suspicious\/noExplicitAny: \S/.test(lines[line - 1] ?? ''))
        found.push(line + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** Exported names of a module that have no documentation comment, with their files. */
export function undocumentedExports(entry: string): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram([join(root, entry)], options);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, entry))!)!;
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
    const text = ts.displayPartsToString(target.getDocumentationComment(checker)).trim();
    const place = target.declarations?.[0]?.getSourceFile().fileName ?? entry;
    return text === '' ? [`${symbol.name} in ${relative(root, place)}`] : [];
  });
}
