// Gives a container its own network: its address, the names that its task knows, and what its security groups allow.
// Node.js loads this file before the program, by NODE_OPTIONS.
"use strict";
const dns = require("node:dns");
const net = require("node:net");

const address = process.env.CDP_TASK_ADDRESS;
const network = process.env.CDP_TASK_NETWORK;
const guarded = "CDP_TASK_GUARDED" in process.env;
const gateway = Number(process.env.GATEWAY_PORT);
const every = new Set([undefined, null, "", "0.0.0.0", "127.0.0.1", "localhost", "::", "::1"]);
const { listen } = net.Server.prototype;
const { connect } = net.Socket.prototype;
const { emit } = net.Server.prototype;

// Asks the embedded cloud; without it, everything is allowed and no name is known.
function ask(question, answered) {
  if (!network) return answered({});
  const socket = new net.Socket();
  let text = "";
  socket.on("data", (part) => (text += part));
  socket.on("error", () => {});
  socket.on("close", () => {
    let answer = {};
    try {
      answer = JSON.parse(text);
    } catch {}
    answered(answer);
  });
  connect.call(socket, { path: network });
  socket.write(`${JSON.stringify(question)}\n`);
}

// Gives the addresses of a name that the embedded cloud knows, and any other name as it is.
function known(name, found) {
  if (every.has(name) || net.isIP(name)) return found([name]);
  ask({ ask: "resolve", from: address, name }, ({ addresses = [] }) => found(addresses.length ? addresses : [name]));
}

if (address) {
  net.Server.prototype.listen = function (...given) {
    const [first, second, ...rest] = given;
    if (first !== null && typeof first === "object" && !first.path && first.fd === undefined) {
      if (every.has(first.host)) given[0] = { ...first, host: address };
    } else if (typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first))) {
      const named = typeof second === "string";
      if (!named || every.has(second)) given = named ? [first, address, ...rest] : [first, address, ...given.slice(1)];
    }
    return listen.apply(this, given);
  };
  net.Socket.prototype.connect = function (...given) {
    const options = Array.isArray(given[0]) ? given[0][0] : given[0];
    if (!options || typeof options !== "object" || options.path || Number(options.port) === gateway) {
      return connect.apply(this, given);
    }
    if (every.has(options.host)) options.host = address;
    if (options.host === address || net.isIPv6(options.host)) return connect.apply(this, given);
    this.connecting = true; // what is written meanwhile waits
    known(options.host, ([host]) => {
      if (this.destroyed) return;
      if (!net.isIPv4(host)) return connect.apply(this, given);
      ask({ ask: "connect", from: address, to: [host, Number(options.port)] }, (answer) => {
        if (this.destroyed) return;
        if (answer.refused) {
          const error = new Error(`refused by the embedded cloud: ${answer.refused}`);
          this.destroy(Object.assign(error, { code: "ECONNREFUSED", errno: -111, syscall: "connect" }));
          return;
        }
        [options.host, options.port] = answer.to ?? [host, options.port];
        if (options.host.startsWith("127.")) options.localAddress ??= address;
        connect.apply(this, given);
      });
    });
    return this;
  };
  const { lookup } = dns;
  dns.lookup = function (name, options, answered = options) {
    const chosen = typeof options === "number" ? { family: options } : typeof options === "object" ? options : {};
    known(name, (found) => {
      if (found[0] === name) return lookup.call(dns, name, chosen ?? {}, answered);
      if (chosen?.all) answered(null, found.map((each) => ({ address: each, family: 4 })));
      else answered(null, found[0], 4);
    });
  };
  dns.promises.lookup = (name, options) =>
    new Promise((resolve, reject) => {
      dns.lookup(name, options ?? {}, (error, found, family) => {
        if (error) reject(error);
        else resolve(Array.isArray(found) ? found : { address: found, family });
      });
    });
  net.Server.prototype.emit = function (event, socket, ...others) {
    const from = guarded && event === "connection" && String(socket.remoteAddress).replace("::ffff:", "");
    if (!from || from === address || String(socket.localAddress).replace("::ffff:", "") !== address) {
      return emit.call(this, event, socket, ...others);
    }
    socket.pause();
    ask({ ask: "accept", at: [address, socket.localPort], from: [from, socket.remotePort] }, (answer) => {
      if (answer.refused) socket.resetAndDestroy();
      else if (!socket.destroyed) emit.call(this, event, socket, ...others);
    });
    return true;
  };
}
