// A client of the control protocol over TCP and Unix sockets, written from docs/control-protocol.md alone.

import net from "node:net";
import { decodeMultiStream, encode } from "@msgpack/msgpack";

const REQUEST = 0;
const RESPONSE = 1;

export class ControlClient {
  #socket;
  #nextId = 1;
  #waiting = new Map(); // by the id of the request
  #told = []; // notifications that nobody has asked for yet
  #listeners = [];

  // `where` is what net.connect takes: { path } or { host, port }.
  static async connect(where) {
    const socket = net.connect(where);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new ControlClient(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    this.ended = this.#read();
  }

  call(method, params = {}) {
    const id = this.#nextId++;
    this.#socket.write(encode([REQUEST, id, method, params]));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  // The next notification, as [method, params].
  next() {
    if (this.#told.length) return Promise.resolve(this.#told.shift());
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  close() {
    this.#socket.end();
  }

  async #read() {
    for await (const message of decodeMultiStream(this.#socket)) {
      if (message[0] === RESPONSE) {
        const [, id, error, result] = message;
        const { resolve, reject } = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error) reject(Object.assign(new Error(error.message), error));
        else resolve(result);
      } else {
        const [, method, params] = message;
        const listener = this.#listeners.shift();
        if (listener) listener([method, params]);
        else this.#told.push([method, params]);
      }
    }
  }
}
