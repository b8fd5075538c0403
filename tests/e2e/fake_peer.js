// The media side of the fake server, inside the page: answers offers and fills receive slots with generated tracks.
(() => {
  const COLOURS = ["#2e7d6b", "#7a5ea8", "#b8743a", "#3b78a8", "#a84f6a", "#6d8b3c", "#8a6d3b", "#4a6fb5"];

  function picture(label, index, { width = 640, height = 360 } = {}) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    let beat = 0;
    const draw = () => {
      const shade = pen.createLinearGradient(0, 0, width, height);
      shade.addColorStop(0, COLOURS[index % COLOURS.length]);
      shade.addColorStop(1, "#1a2422");
      pen.fillStyle = shade;
      pen.fillRect(0, 0, width, height);
      pen.fillStyle = "rgb(255 255 255 / 82%)";
      pen.beginPath();
      pen.arc(width / 2, height * 0.4, height * 0.17, 0, 7);
      pen.arc(width / 2, height * 1.02, height * 0.36 + Math.sin(beat++ / 9) * 3, 0, 7);
      pen.fill();
    };
    draw();
    setInterval(draw, 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  }

  function screen() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
    const pen = canvas.getContext("2d");
    let beat = 0;
    setInterval(() => {
      pen.fillStyle = "#fbfcfc";
      pen.fillRect(0, 0, 1280, 720);
      pen.fillStyle = "#1d6b5a";
      pen.fillRect(0, 0, 1280, 64);
      pen.fillStyle = "#d5dedb";
      for (let line = 0; line < 11; line++) pen.fillRect(90, 130 + line * 48, 500 + ((line * 173) % 520), 18);
      pen.fillStyle = "#24312d";
      pen.fillRect(90 + (beat++ % 2), 128, 3, 22);
    }, 200);
    return canvas.captureStream(5).getVideoTracks()[0];
  }

  window.fakePeer = {
    pc: null,
    tracks: new Map(),
    // A peer connection lives as long as a session: `fresh` begins another one.
    async answer(sdp, slots, shown, fresh) {
      if (fresh) {
        this.pc?.close();
        this.pc = new RTCPeerConnection();
      }
      // The far end here is Chromium, which receives no simulcast: it answers the first encoding alone.
      await this.pc.setRemoteDescription({ type: "offer", sdp });
      for (const transceiver of this.pc.getTransceivers()) {
        if (slots.includes(transceiver.mid)) transceiver.direction = "sendonly";
      }
      await this.fill(shown);
      const answer = await this.pc.createAnswer();
      await this.pc.setLocalDescription(answer);
      await this.gathered();
      return this.pc.localDescription.sdp;
    },
    async fill(shown) {
      for (const transceiver of this.pc.getTransceivers()) {
        if (transceiver.mid in shown) {
          await transceiver.sender.replaceTrack(shown[transceiver.mid] ? this.track(shown[transceiver.mid]) : null);
        }
      }
    },
    track({ id, source, index }) {
      if (!this.tracks.has(id)) this.tracks.set(id, source === "screen" ? screen() : picture(id, index));
      return this.tracks.get(id);
    },
    gathered() {
      if (this.pc.iceGatheringState === "complete") return undefined;
      return new Promise((resolve) => {
        this.pc.addEventListener("icegatheringstatechange", () => {
          if (this.pc.iceGatheringState === "complete") resolve();
        });
      });
    },
  };
})();
