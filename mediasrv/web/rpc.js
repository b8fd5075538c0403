// MessagePack-RPC over a WebSocket, written as JSON arrays in text frames:
// [0, id, method, params] asks, [1, id, error, result] answers, [2, method, params] notifies.

const REQUEST = 0;
const RESPONSE = 1;
const NOTIFICATION = 2;

const OPEN_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** A refusal by the server, or, with the codes `timeout` and `disconnected`, the lack of any answer. */
export class RpcError extends Error {
  constructor({ code, message, details = null }) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.details = details;
  }
}

/** One open connection. Events: `notification` ({method, params}) and, exactly once, `close`. */
export class RpcConnection extends EventTarget {
  closed = false;                       // and `close` was told
  #socket;
  #lastId = 0;
  #waiting = new Map();

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", () => this.#closed());
  }

  /** Resolves when the WebSocket is open; rejects with RpcError `disconnected` when it can't be. */
  static open(url) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      const fail = () => {
        clearTimeout(timer);
        reject(new RpcError({ code: "disconnected", message: "The server can't be reached." }));
      };
      const timer = setTimeout(() => {
        socket.close();
        fail();
      }, OPEN_TIMEOUT_MS);
      socket.addEventListener("open", () => {
        clearTimeout(timer);
        socket.removeEventListener("close", fail);
        resolve(new RpcConnection(socket));
      }, { once: true });
      socket.addEventListener("close", fail, { once: true });
    });
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Resolves with the result map; rejects with RpcError. */
  request(method, params = {}) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(new RpcError({ code: "disconnected", message: "The connection to the server is gone." }));
        return;
      }
      const id = ++this.#lastId;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RpcError({ code: "timeout", message: `The server did not answer ${method} in time.` }));
      }, REQUEST_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify([REQUEST, id, method, params]));
    });
  }

  close() {
    this.#socket.close(1000);
    this.#closed();
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      console.warn("mediasrv: a frame from the server was not JSON and was ignored");
      return;
    }
    if (!Array.isArray(frame)) return;
    if (frame[0] === RESPONSE) this.#answer(frame[1], frame[2], frame[3]);
    else if (frame[0] === NOTIFICATION) {
      const detail = { method: frame[1], params: frame[2] ?? {} };
      this.dispatchEvent(new CustomEvent("notification", { detail }));
    }
  }

  #answer(id, error, result) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new RpcError(error));
    else waiting.resolve(result ?? {});
  }

  #closed() {
    if (this.#waiting === null) return;
    const waiting = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(new RpcError({ code: "disconnected", message: "The connection to the server broke off." }));
    }
    if (this.closed) return;
    this.closed = true;
    this.dispatchEvent(new Event("close"));
  }
}
