// A device in Node.js with the package mqtt: measures once, responds to commands and follows its shadow.
//
//   node device.mjs settings.json
//
// Each line that it writes is JSON: {"connected": true}, {"commanded": "ping"}, {"switched": {"lamp": true}}.
// It ends with its standard input.
import { readFileSync } from "node:fs";
import mqtt from "mqtt";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { thing, app, context, ingest } = settings;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = await mqtt.connectAsync({
	protocol: "mqtts",
	host: settings.endpoint,
	port: settings.port,
	servername: settings.endpoint,
	ca: settings.ca,
	cert: settings.certificate,
	key: settings.key,
	clientId: thing,
	protocolVersion: 4,
	clean: true,
	reconnectPeriod: 0,
	minVersion: "TLSv1.2",
});
client.on("error", (error) => {
	say({ failed: String(error) });
	process.exit(1);
});

const publish = (topic, document) => client.publishAsync(topic, JSON.stringify(document), { qos: 1 });
const telemetry = (kind, document) => {
	const topic = `dt/${app}/${context}/${thing}/${kind}`;
	return publish(ingest[kind] ? `$aws/rules/${ingest[kind]}/${topic}` : topic, document);
};
const shadow = `$aws/things/${thing}/shadow`;
const requests = `cmd/${app}/${context}/${thing}/req`;

client.on("message", async (topic, payload) => {
	const document = JSON.parse(payload);
	if (topic === requests) {
		say({ commanded: document.command });
		const result = { by: "node" };
		await publish(requests.replace(/req$/, "res"), { session: document.session, status: "succeeded", result });
	} else {
		await publish(`${shadow}/update`, { state: { reported: document.state } });
		say({ switched: document.state });
	}
});
await client.subscribeAsync([requests, `${shadow}/update/delta`], { qos: 1 });
await publish(`${shadow}/update`, { state: { reported: {} } });
await telemetry("certificate", { certificate_id: settings.certificate_id });
await telemetry("seat", settings.measurement);
say({ connected: true });
process.stdin.resume();
process.stdin.on("end", async () => {
	await client.endAsync();
	process.exit(0);
});
