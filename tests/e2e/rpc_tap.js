// Lets a test ask the server over the page's own connection: `rpcTap.request(method, params)`.
{
  const PageSocket = window.WebSocket;
  let latest = null;
  let lastId = 2 ** 40;     // far from the ids of the page, which ignores answers that it did not ask for

  window.WebSocket = class extends PageSocket {
    constructor(...args) {
      super(...args);
      latest = this;
    }
  };

  window.rpcTap = {
    request(method, params) {
      const socket = latest;
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        socket.addEventListener("message", function listen({ data }) {
          const [kind, answered, error, result] = JSON.parse(data);
          if (kind !== 1 || answered !== id) return;
          socket.removeEventListener("message", listen);
          if (error) reject(new Error(`${error.code}: ${error.message}`));
          else resolve(result);
        });
        socket.send(JSON.stringify([0, id, method, params]));
      });
    },
  };
}
