"""Who speaks: levels in batches, five a second, of those with voice."""

from itertools import pairwise

from mediasrv.rtc.events import AudioLevel

from .fakes import Client, House


def speaker(house: House, name: str) -> Client:
    client = house.joined(name)
    client.offer("0 audio send", "1 audio send", m1="screen")
    return client


def levels(client: Client) -> list[dict[str, int]]:
    return [params["levels"] for _, params in client.told("speaking")]


def speak(client: Client, level: int, *, mid: str = "0", voice: bool = True) -> None:
    client.peer.observer(AudioLevel(mid, level, voice))


def test_levels_are_told_in_batches(house: House) -> None:
    ada, bob, listener = speaker(house, "ada"), speaker(house, "bob"), house.joined("listener")
    speak(ada, 30)
    assert levels(listener) == [{ada.id: -30}]  # the first at once
    speak(ada, 31)
    speak(bob, 40)
    assert levels(listener) == []
    house.clock.advance(0.2)
    assert levels(listener) == [{ada.id: -31, bob.id: -40}]
    assert levels(ada) == [{ada.id: -30}, {ada.id: -31, bob.id: -40}]


def test_five_a_second_at_most_and_an_empty_one_at_the_end(house: House) -> None:
    ada, listener = speaker(house, "ada"), house.joined("listener")
    for tick in range(100):  # on and off, twenty times a second, for five seconds
        speak(ada, 30, voice=tick % 2 == 0)
        house.clock.advance(0.05)
    house.clock.advance(5)
    heard = levels(listener)
    assert 20 <= len(heard) <= 27
    assert heard[-1] == {}
    assert house.clock.waiting == 0
    assert not any(first == second == {} for first, second in pairwise(heard))


def test_those_without_voice_are_not_told_of(house: House) -> None:
    ada, listener = speaker(house, "ada"), house.joined("listener")
    speak(ada, 60, voice=False)
    house.clock.advance(1)
    assert levels(listener) == []


def test_the_loudest_of_ones_tracks_counts(house: House) -> None:
    ada, listener = speaker(house, "ada"), house.joined("listener")
    speak(ada, 50, mid="0")
    speak(ada, 20, mid="1")
    house.clock.advance(0.2)
    assert levels(listener)[-1] == {ada.id: -20}


def test_a_level_that_comes_late_keeps_its_speaker(house: House) -> None:
    ada, listener = speaker(house, "ada"), house.joined("listener")
    speak(ada, 30)
    house.clock.advance(0.3)
    speak(ada, 30)
    house.clock.advance(0.15)
    assert {} not in levels(listener)


def test_muting_and_leaving_end_the_speaking(house: House) -> None:
    ada, bob, listener = speaker(house, "ada"), speaker(house, "bob"), house.joined("listener")
    speak(ada, 30)
    speak(bob, 30)
    ada.request("mute", {"track_id": ada.participant.publications.on_mid("0").id})
    speak(ada, 30)  # what was under way
    bob.request("leave")
    levels(listener)
    house.clock.advance(0.2)
    assert levels(listener) == [{}]


def test_a_closed_room_keeps_no_timer(house: House) -> None:
    ada = speaker(house, "ada")
    speak(ada, 30)
    ada.request("leave")
    assert house.clock.waiting == 0
