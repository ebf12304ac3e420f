// Gives a container its own network address: what it binds, and what it reaches as localhost, is its own.
// Node.js loads this file before the program, by NODE_OPTIONS.
"use strict";
const net = require("node:net");

const address = process.env.CDP_TASK_ADDRESS;
const gateway = Number(process.env.GATEWAY_PORT);
const every = new Set([undefined, null, "", "0.0.0.0", "127.0.0.1", "localhost", "::", "::1"]);

if (address) {
  const { listen } = net.Server.prototype;
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
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (...given) {
    const options = Array.isArray(given[0]) ? given[0][0] : given[0];
    if (options && typeof options === "object" && !options.path && every.has(options.host) && options.port !== gateway) {
      options.host = address;
    }
    return connect.apply(this, given);
  };
}
