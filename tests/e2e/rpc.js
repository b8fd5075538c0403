// Joins over /rpc; `told(method, params)` hears notifications. Resolves with the socket and what sends a request.

const joinOverRpc = async (token, told = () => {}) => {
  const socket = new WebSocket(new URL("/rpc", location.href.replace(/^http/, "ws")));
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  const waiting = new Map(); // by the id of the request
  socket.addEventListener("message", ({ data }) => {
    const [kind, second, third, result] = JSON.parse(data);
    if (kind === 2) told(second, third);
    else if (third) waiting.get(second).reject(new Error(`${third.code}: ${third.message}`));
    else waiting.get(second).resolve(result);
    if (kind === 1) waiting.delete(second);
  });
  let lastId = 0;
  const request = (method, params) => new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    socket.send(JSON.stringify([0, lastId, method, params]));
  });
  return { socket, request, joined: await request("join", { token }) };
};
