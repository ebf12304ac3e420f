// What changed in the architecture between a git revision and the working tree, read off the committed snapshots:
// resources, replacements and broadened permissions, without a synthesis. Usage: node tools/review.mjs [REVISION]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { formatDifferences, fullDiff } from '@aws-cdk/cloudformation-diff';

// A reader such as head may have seen enough.
process.stdout.on('error', () => process.exit(0));

const revision = process.argv[2] ?? 'HEAD';
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });

// A snapshot holds one template, or several by stack name.
const stacks = (snapshot) => (snapshot.Resources ? { '': snapshot } : snapshot);

function before(path) {
  try {
    return JSON.parse(git('show', `${revision}:${path}`));
  } catch {
    return {}; // the snapshot is new
  }
}

const changed = git('diff', '--name-only', revision, '--', '*/__snapshots__/*.json').split('\n').filter(Boolean);
let broadened = 0;
for (const path of changed) {
  const old = stacks(before(path));
  const current = existsSync(path) ? stacks(JSON.parse(readFileSync(path, 'utf8'))) : {};
  for (const stack of new Set([...Object.keys(old), ...Object.keys(current)])) {
    const difference = fullDiff(old[stack] ?? {}, current[stack] ?? {});
    if (difference.isEmpty) continue;
    process.stdout.write(`\n${path}${stack && ` (${stack})`}\n`);
    if (difference.permissionsBroadened) {
      broadened += 1;
      process.stdout.write('  Permissions are broadened.\n');
    }
    formatDifferences(process.stdout, difference);
  }
}
process.stdout.write(`\n${changed.length} snapshots differ from ${revision}; permissions broadened in ${broadened}.\n`);
