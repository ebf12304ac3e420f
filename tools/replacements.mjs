// Writes which properties cannot be changed in place: `make replacements`, after the specification has a new version.
// Read from @aws-cdk/aws-service-spec, which @aws-cdk/cloudformation-diff asks, too.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';

const { version } = createRequire(import.meta.url)('@aws-cdk/aws-service-spec/package.json');
const rules = [];
for (const resource of loadAwsServiceSpecSync().all('resource')) {
  const names = Object.entries(resource.properties)
    .filter(([, property]) => property.causesReplacement === 'yes')
    .map(([name]) => name)
    .sort();
  if (names.length) rules.push([resource.cloudFormationType, names]);
}
rules.sort(([left], [right]) => (left < right ? -1 : 1));
const lines = rules.map(([type, names]) => `  ${JSON.stringify(type)}: ${JSON.stringify(names)}`);
writeFileSync(
  new URL('../cdp_constructs/review/changes/replacements.json', import.meta.url),
  `{\n  "version": "@aws-cdk/aws-service-spec ${version}",\n${lines.join(',\n')}\n}\n`,
);
