/**
 * The program as few files as it can be: `dist/myserver.js` and the parts it loads when they are meant (the daemons). A bundle starts in a third of the
 * time of the source. Run `npm run build`.
 */
import { build, type Plugin } from 'esbuild';
import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

const root = join(import.meta.dirname, '..');

/** CommonJS packages inside an ES module miss these. */
const banner = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  "import { dirname as __dirnameOf } from 'node:path';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __fileURLToPath(import.meta.url);',
  'const __dirname = __dirnameOf(__filename);',
].join(' ');

/** Add-ons are laid beside the program, as they were made for this machine; one that was not made is asked for inside a try, and is missed there. */
const nativeParts: Plugin = {
  name: 'native-parts',
  setup(bundling) {
    bundling.onResolve({ filter: /\.node$/ }, ({ path, resolveDir }) =>
      path.startsWith('.') && existsSync(join(resolveDir, path)) ? undefined : { path, external: true },
    );
  },
};

const program = { myserver: join(root, 'src/cli/main.ts') };

/** `entryPoints`: other programs, by the names of their files, bundled in the same way. */
export async function buildProgram(outDir: string, entryPoints: Readonly<Record<string, string>> = program): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  await build({
    entryPoints: { ...entryPoints },
    outdir: outDir,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // ssh2 knows its sessions by the name of their class: renamed for another one of the same name, each that is closed early would end the worker.
    keepNames: true,
    banner: { js: banner },
    legalComments: 'linked',
    loader: { '.node': 'copy' },
    plugins: [nativeParts],
    logLevel: 'warning',
  });
  await copyFile(join(root, 'package.json'), join(outDir, 'package.json'));
  await buildPortal(join(outDir, 'portal'));
}

/** The portal's pages and what they load, under names that change with what is in them. */
async function buildPortal(outDir: string): Promise<void> {
  const web = join(root, 'src/web');
  const { metafile } = await build({
    entryPoints: {
      portal: join(web, 'main.tsx'),
      terminal: join(web, 'terminal/main.tsx'),
      'portal-style': join(web, 'style.css'),
      'terminal-style': join(web, 'terminal/terminal.css'),
    },
    outdir: join(outDir, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    platform: 'browser',
    target: 'es2023',
    format: 'esm',
    tsconfig: join(root, 'tsconfig.web.json'),
    legalComments: 'linked',
    logLevel: 'warning',
  });
  const names = Object.keys(metafile.outputs).map((path) => basename(path));
  const named = (start: string, end: string) =>
    names.find((name) => name.startsWith(`${start}-`) && name.endsWith(end) && !name.startsWith(`${start}-style`)) ?? '';
  for (const page of ['index', 'terminal']) {
    const text = await readFile(join(web, `${page}.html`), 'utf8');
    const start = page === 'index' ? 'portal' : page;
    const style = names.find((name) => name.startsWith(`${start}-style-`) && name.endsWith('.css')) ?? '';
    await writeFile(join(outDir, `${page}.html`), text.replace(`${start}.css`, style).replace(`${start}.js`, named(start, '.js')));
  }
  const files = (await readdir(outDir, { recursive: true })).filter((name) => /\.(?:html|js|css)$/u.test(name));
  await Promise.all(files.map(async (name) => await compress(join(outDir, name))));
}

/** Beside the file, in the forms in which browsers take it. */
async function compress(path: string): Promise<void> {
  const text = await readFile(path);
  await writeFile(`${path}.gz`, await promisify(gzip)(text, { level: 9 }));
  await writeFile(`${path}.br`, await promisify(brotliCompress)(text));
}
