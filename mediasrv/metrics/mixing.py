"""What the mixing thread counts, as metrics, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

COUNTERS: Mapping[str, tuple[str, str]] = {
    "mixer_ticks": ("ticks", "Ticks of 20 ms that were mixed."),
    "mixer_late": ("late_ticks", "Of those: began when the next one was due."),
    "mixer_skipped": ("skipped_ticks", "Ticks left out because too many were due at once."),
    "mixer_packets_received": ("received_packets", "Packets of microphones."),
    "mixer_packets_sent": ("sent_packets", "Packets of mixes to workers, which make the listeners' copies."),
    "mixer_packets_refused": ("refused_packets", "Packets of mixes that a worker did not take in time."),
    "mixer_packets_unknown": ("unknown_packets", "Packets of no microphone in a mix, or broken ones."),
    "mixer_commands": ("commands", "Commands of the control plane carried out."),
    "mixer_commands_stale": ("stale_commands", "Commands for something that had gone."),
    "mixer_source_packets": ("source_packets", "Packets in the jitter buffers of microphones."),
    "mixer_source_late": ("source_late_packets", "Of those: too late to be heard."),
    "mixer_source_red_recovered": ("source_red_recovered_packets", "Lost packets that came inside later ones."),
    "mixer_source_fec_recovered": ("source_fec_recovered_packets", "Lost packets restored by in-band FEC."),
}
SOUND: Mapping[str, tuple[str, str]] = {
    "mixer_source_played": ("source_played_seconds", "Sound of microphones played as it was sent."),
    "mixer_source_concealed": ("source_concealed_seconds", "Sound of microphones that was missing and made up."),
    "mixer_source_removed": ("source_removed_seconds", "Sound left out to shorten a delay."),
    "mixer_source_added": ("source_added_seconds", "Sound stretched to lengthen a delay."),
}
SAMPLES_PER_SECOND = 48_000


class MixerCollector(Collector):
    """`counters`: `Mixer.counters`, or empty while there is no mixing thread."""

    def __init__(self, counters: Callable[[], Mapping[str, int]]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        values = self._counters()
        if not values:
            return
        for counter, (name, text) in COUNTERS.items():
            yield CounterMetricFamily(f"mediasrv_mixer_{name}", text, value=values[counter])
        for counter, (name, text) in SOUND.items():
            yield CounterMetricFamily(f"mediasrv_mixer_{name}", text, value=values[counter] / SAMPLES_PER_SECOND)
        yield GaugeMetricFamily("mediasrv_mixer_heard", "Microphones that are decoded.", value=values["mixer_heard"])
        yield GaugeMetricFamily(
            "mediasrv_mixer_target_delay_seconds",
            "Mean delay that their jitter buffers aim at, above that of the quickest packets.",
            value=values["mixer_heard_target_us"] / 1e6,
        )
        yield GaugeMetricFamily(
            "mediasrv_mixer_delay_seconds",
            "Mean delay that they have, likewise.",
            value=values["mixer_heard_delay_us"] / 1e6,
        )
        yield CounterMetricFamily(
            "mediasrv_mixer_cpu_seconds", "CPU time of the mixing thread.", value=values["mixer_busy_us"] / 1e6
        )
        yield GaugeMetricFamily(
            "mediasrv_mixer_longest_round_seconds",
            "The longest CPU time of a round, of one tick or of several that were due.",
            value=values["mixer_longest_us"] / 1e6,
        )
        yield GaugeMetricFamily(
            "mediasrv_mixer_shed",
            "What is shed for want of time: 0 nothing, 1 and 2 complexity, 3 a talker, 4 all talkers but one.",
            value=values["mixer_shed"],
        )
