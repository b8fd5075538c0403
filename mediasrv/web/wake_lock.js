// Keeps the screen of a phone on during a call, where the browser can.

let lock = null;
let wanted = false;

export function keepAwake(on) {
  wanted = on;
  if (on) acquire();
  else {
    lock?.release().catch(() => {});
    lock = null;
  }
}

async function acquire() {
  try {
    lock = await navigator.wakeLock?.request("screen");
  } catch {
    // Refused (battery saver): the call goes on, the screen may go dark.
  }
}

// The browser drops the lock whenever the page is hidden.
document.addEventListener("visibilitychange", () => {
  if (wanted && document.visibilityState === "visible") acquire();
});
