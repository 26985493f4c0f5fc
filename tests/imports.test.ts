import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each room may import, beside itself: the order of knowledge of the design. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  specs: [],
  framework: ['specs'],
  devices: ['specs', 'framework'],
  reports: ['specs'],
  conformance: ['specs', 'framework', 'reports'],
  fuzz: ['specs', 'framework', 'conformance', 'reports'],
};
const ROOMS = Object.keys(MAY_IMPORT);

/** Files that put rooms together: entry points and the API at the root, tools, tests, examples, commands. */
const CROSSES = /^[^/]+$|^(?:cli|tools|tests|examples)\/|\/commands\/|\.test\.tsx?$/;
/** Helpers of tests; nothing but tests may import them. */
const TEST_HELPERS =
  /^devices\/simulator\/(?:test-bench|net\/test-rig|net\/test-frames)\.ts$|^framework\/virtqueue\/(?:driver\/test-kit|device\/ring-fixture)\.ts$/;
/** Tools read their settings from the default export of these. */
const CONFIGURATION = /(?:^|\/)[\w-]+\.config\.m?ts$/;

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every TypeScript file of the project, from its root. */
const files = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isFile() || !/^(?:node_modules|dist|out|coverage|\..*)$/.test(entry.name))
  .flatMap((entry) =>
    entry.isFile()
      ? [entry.name]
      : readdirSync(join(ROOT, entry.name), { recursive: true, encoding: 'utf8' }).map((name) =>
          join(entry.name, name),
        ),
  )
  .filter((name) => /\.tsx?$/.test(name) && !name.includes('node_modules'))
  .sort();

const text = new Map(files.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));

/** Modules that `name` imports, exports from, or loads with `import()`; types count as well. */
function specifiers(name: string): string[] {
  return ts.preProcessFile(text.get(name)!, true, true).importedFiles.map(({ fileName }) => fileName);
}

const imports: Import[] = files.flatMap((from) =>
  specifiers(from)
    .filter((target) => target.startsWith('.'))
    .map((target) => ({ from, to: relative(ROOT, join(ROOT, dirname(from), target)) })),
);

const room = (name: string) => name.split('/')[0];
const show = ({ from, to }: Import) => `${from} -> ${to}`;
const isTest = (name: string) => /\.test\.tsx?$|^tests\//.test(name) || TEST_HELPERS.test(name);

/** Packages that `package.json` declares. */
const packages = new Set(
  Object.entries(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>)
    .filter(([key]) => /^(?:dev|optional)?dependencies$/i.test(key))
    .flatMap(([, names]) => Object.keys(names as object)),
);

describe('imports', () => {
  it('are seen at all', () => {
    expect(files.length).toBeGreaterThan(150);
    expect(imports.length).toBeGreaterThan(400);
    expect(imports).toContainEqual({ from: 'framework/bus.ts', to: 'framework/device.ts' });
  });

  it('go down the order of knowledge, never up', () => {
    const bad = imports.filter(({ from, to }) => {
      const [mine, theirs] = [room(from), room(to)];
      if (CROSSES.test(from) || TEST_HELPERS.test(from) || mine === theirs) return false;
      return !(MAY_IMPORT[mine] ?? []).includes(theirs);
    });
    expect(bad.map(show)).toEqual([]);
  });

  it('leave no room unknown', () => {
    const rooms = new Set(files.filter((name) => name.includes('/') && !CROSSES.test(name)).map(room));
    expect([...rooms].filter((name) => !ROOMS.includes(name))).toEqual([]);
  });

  it('name files that exist, with their extension', () => {
    const bad = imports.filter(({ to }) => !/\.(?:tsx?|mjs|json)$/.test(to) || !existsSync(join(ROOT, to)));
    expect(bad.map(show)).toEqual([]);
  });

  it('name packages that are declared', () => {
    const bad = files.flatMap((from) =>
      specifiers(from)
        .filter((target) => !/^(?:\.|node:)/.test(target) && target !== 'vdpa-cts')
        .filter((target) => !packages.has(/^(?:@[^/]+\/)?[^/]+/.exec(target)![0]))
        .map((to) => show({ from, to })),
    );
    expect(bad).toEqual([]);
  });

  it('keep the oracle apart from what it judges: no device and no framework knows the model', () => {
    const bad = imports.filter(
      ({ from, to }) => to.startsWith('specs/model/') && /^(?:devices|framework)$/.test(room(from)),
    );
    expect(bad.filter(({ from }) => !isTest(from)).map(show)).toEqual([]);
    const up = imports.filter(({ from, to }) => from.startsWith('specs/') && room(to) !== 'specs');
    expect(up.filter(({ from }) => !isTest(from)).map(show)).toEqual([]);
  });

  it('keep driver and device side of virtqueues apart', () => {
    const side = (name: string) => /^framework\/virtqueue\/(driver|device)\//.exec(name)?.[1];
    const bad = imports.filter(({ from, to }) => {
      const [mine, theirs] = [side(from), side(to)];
      return mine !== undefined && theirs !== undefined && mine !== theirs && !isTest(from);
    });
    expect(bad.map(show)).toEqual([]);
  });

  it('leave the helpers of tests to tests', () => {
    const bad = imports.filter(({ from, to }) => TEST_HELPERS.test(to) && !isTest(from));
    expect(bad.map(show)).toEqual([]);
  });

  it('of the example parent name vdpa-cts only', () => {
    expect(specifiers('examples/my-parent.ts')).toEqual(['vdpa-cts']);
  });

  it('make no cycle between top folders', () => {
    const edges = new Map<string, Set<string>>(ROOMS.map((name) => [name, new Set()]));
    for (const { from, to } of imports) {
      if (CROSSES.test(from) || isTest(from) || room(from) === room(to)) continue;
      edges.get(room(from))?.add(room(to));
    }
    const cycles: string[] = [];
    const walk = (path: readonly string[]) => {
      for (const next of edges.get(path.at(-1)!) ?? []) {
        if (path.includes(next)) cycles.push([...path.slice(path.indexOf(next)), next].join(' -> '));
        else walk([...path, next]);
      }
    };
    for (const name of ROOMS) walk([name]);
    expect([...new Set(cycles)]).toEqual([]);
  });
});

describe('exports', () => {
  it('are named', () => {
    const isDefault = (statement: ts.Statement) =>
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) ||
      (ts.isExportDeclaration(statement) &&
        statement.exportClause !== undefined &&
        ts.isNamedExports(statement.exportClause) &&
        statement.exportClause.elements.some(({ name }) => name.text === 'default'));
    const bad = files.filter((name) => {
      if (CONFIGURATION.test(name) || !/export[^;]*\bdefault\b/.test(text.get(name)!)) return false;
      return ts.createSourceFile(name, text.get(name)!, ts.ScriptTarget.Latest).statements.some(isDefault);
    });
    expect(bad).toEqual([]);
  });
});
