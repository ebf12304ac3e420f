// Part of the worker of functions: names that lead to the embedded cloud, for all of Node.js that takes a URL.
const _dns = require("dns");
const _originalLookup = _dns.lookup;
// Names under localhost are this machine; not every resolver knows it.
_dns.lookup = function (name, ...rest) {
  return _originalLookup.call(_dns, String(name).endsWith(".localhost") ? "127.0.0.1" : name, ...rest);
};

const _gatewayPort = new URL(process.env.AWS_ENDPOINT_URL || "http://127.0.0.1:4566").port;
// Names of AWS, and their local ones, which templates get of APIs that have no other.
const _isOfCloud = (name, port) =>
  /\.(amazonaws\.com(\.cn)?|cloudfront\.net|on\.aws)$/.test(name) ||
  (name.endsWith(".localhost") && String(port) === _gatewayPort);
const _localName = (name) => (name.endsWith(".localhost") ? name : `${name}.localhost`);

// fetch and WebSocket do not pass https.request: https://<name>/ becomes http://<name>.localhost:<port>/.
const _here = (given) => {
  const found = /^(https|wss):\/\/([^/:?#]+)(?::(\d+))?(?=[/?#]|$)/.exec(String(given));
  if (!found || !_isOfCloud(found[2], found[3])) return given;
  const scheme = found[1] === "https" ? "http" : "ws";
  return `${scheme}://${_localName(found[2])}:${_gatewayPort}${String(given).slice(found[0].length)}`;
};
if (globalThis.fetch) {
  const _originalFetch = globalThis.fetch;
  globalThis.fetch = function (input, init) {
    if (!(input instanceof Request)) return _originalFetch(_here(input), init);
    const url = _here(input.url);
    return _originalFetch(url === input.url ? input : new Request(url, input), init);
  };
}
if (globalThis.WebSocket) {
  globalThis.WebSocket = class WebSocket extends globalThis.WebSocket {
    constructor(address, protocols) {
      super(_here(address), protocols);
    }
  };
}
