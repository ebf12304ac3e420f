// Synthesises a job, as often as asked: `node dist/main.js fan_out 1`.
import { App, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';

import type { Build } from './parts';

const IN_A_STACK = 10;

const [job, count] = process.argv.slice(2);
// Loaded when it is used, as the Python jobs are: one does not pay for the modules of another.
const { build } = require(`./${job}`) as { build: Build };
const app = new App({ outdir: process.env.CDK_OUTDIR });
let stack: Stack | undefined;
let operators: Topic | undefined;
for (let number = 0; number < Number(count); number += 1) {
  if (number % IN_A_STACK === 0 || stack === undefined || operators === undefined) {
    stack = new Stack(app, `Orders${Math.floor(number / IN_A_STACK)}`);
    operators = new Topic(stack, 'Operators', { enforceSSL: true });
  }
  build(stack, `Placed${number}`, operators);
}
app.synth();
