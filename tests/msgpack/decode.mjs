// node decode.mjs DIR [--version]: what @msgpack/msgpack in DIR/node_modules makes of the payloads on
// stdin, as msgpack_verdicts says it: `!` and an error, or the value and what the package writes of it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const directory = resolve(process.argv[2]);
const require = createRequire(`${directory}/`);
const { decode, encode } = require("@msgpack/msgpack");

if (process.argv[3] === "--version") {
  const text = readFileSync(`${directory}/node_modules/@msgpack/msgpack/package.json`, "utf8");
  const { name, version } = JSON.parse(text);
  console.log(`${name} ${version}`);
  process.exit(0);
}

const hex = (octets) => Buffer.from(octets).toString("hex");

function show(value) {
  if (value === null) return "n";
  switch (typeof value) {
    case "boolean":
      return value ? "t" : "f";
    case "number":
    case "bigint":
      return `i${value}`;
    case "string":
      return `s${hex(Buffer.from(value, "utf8"))}`;
  }
  if (value instanceof Uint8Array) return `b${hex(value)}`;
  if (Array.isArray(value)) return `[${value.map(show).join(",")}]`;
  const pairs = Object.keys(value).map((key) => `${show(key)}:${show(value[key])}`);
  return `{${pairs.sort().join(",")}}`;
}

function answer(payload) {
  try {
    const value = decode(payload, { useBigInt64: true });
    return `${show(value)} ${hex(encode(value, { useBigInt64: true }))}`;
  } catch (error) {
    return `!${String(error.message).replaceAll("\n", " ")}`;
  }
}

const input = readFileSync(0);
const lines = [];
for (let at = 0; at < input.length; ) {
  const size = input.readUInt32BE(at);
  lines.push(answer(input.subarray(at + 4, at + 4 + size)));
  at += 4 + size;
}
process.stdout.write(lines.length ? `${lines.join("\n")}\n` : "");
