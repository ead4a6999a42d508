/** The program as installed: a bundle, the Node that runs it and a launcher, so that control depends on no checkout. */
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../../src/host/packages.ts';
import { runProgram } from '../../src/host/program.ts';
import type { HostStep } from '../../src/host/step.ts';
import { places, root } from './places.ts';

const stampFile = join(places.library, 'made-from');

export function programStep(): HostStep {
  return {
    name: 'program',
    async check() {
      const [wanted, found, launcher, hasLauncher] = await Promise.all([
        stampOfSources(),
        readFile(stampFile, 'utf8').catch(() => ''),
        readFile(join(root, 'packaging/myserver'), 'utf8'),
        readFile(places.launcher, 'utf8').catch(() => ''),
      ]);
      if (found === '') return 'it is not installed';
      return wanted === found && launcher === hasLauncher ? undefined : 'it changed since it was installed';
    },
    apply: installProgram,
  };
}

async function installProgram(): Promise<void> {
  const stamp = await stampOfSources();
  const fresh = `${places.library}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o755 });
  // Loaded only when it is needed: the bundler takes longer to load than everything else here to run.
  const { buildProgram } = await import('../build.ts');
  await buildProgram(join(root, 'dist'));
  await cp(join(root, 'dist'), join(fresh, 'program'), { recursive: true });
  await copyFile(process.execPath, join(fresh, 'node'));
  await chmod(join(fresh, 'node'), 0o755);
  await copyFile(join(root, 'packaging/supervise'), join(fresh, 'supervise'));
  await chmod(join(fresh, 'supervise'), 0o755);
  await writeFile(join(fresh, 'made-from'), stamp);
  // The gateway reads it as a user of its own, whatever umask this was made under.
  await runProgram(['chmod', '-R', 'a+rX', fresh]);
  const former = `${places.library}.old`;
  await rm(former, { recursive: true, force: true });
  await rename(places.library, former).catch(() => {
    // The first installation.
  });
  await rename(fresh, places.library);
  await rm(former, { recursive: true, force: true });
  await writeWhole(places.launcher, await readFile(join(root, 'packaging/myserver'), 'utf8'), 0o755);
  await chmod(places.launcher, 0o755);
}

/** Changes when anything does that the installed program is made of. */
async function stampOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const node = await stat(process.execPath);
  hash.update(`${process.version} ${node.size}\n`);
  const sources = await readdir(join(root, 'src'), { recursive: true });
  const names = sources.filter((name) => name.endsWith('.ts') && !/\.(?:test|testing)\.ts$/u.test(name)).map((name) => join('src', name));
  const all = [...names, 'package.json', 'package-lock.json', 'scripts/build.ts', 'packaging/supervise'];
  for (const name of all.toSorted()) hash.update(`${name}\n`).update(await readFile(join(root, name)));
  return `${hash.digest('hex')}\n`;
}
