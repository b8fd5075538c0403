// What the page remembers of a person between visits. Storage may be refused (private windows): then nothing is.

const KEY = "mediasrv.preferences";
const DEFAULTS = {
  name: "", room: "", microphoneOn: true, cameraOn: true, microphoneId: "", cameraId: "", speakerId: "",
  mixed: null,      // to hear everybody as one mixed sound, or not to; null: as the room says
};

export function loadPreferences() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export function savePreferences(changes) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...loadPreferences(), ...changes }));
  } catch {
    // A visit without memory is still a visit.
  }
}
