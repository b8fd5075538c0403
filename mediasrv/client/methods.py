"""The methods of control sessions. Written by `python -m mediasrv.client.generate` from the method table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType

from mediasrv.signaling.methods.control import (
    GetStatisticsParams,
    GetStatisticsResult,
    PingParams,
    ReadJournalParams,
    ReadJournalResult,
)
from mediasrv.signaling.methods.moderation import (
    AdmitParams,
    AdmitResult,
    AskToUnmuteParams,
    BanParams,
    BanResult,
    GrantParams,
    ListBansParams,
    ListBansResult,
    ListGuestsParams,
    ListGuestsResult,
    MuteTrackParams,
    PermissionsResult,
    RefuseParams,
    RemoveParticipantParams,
    RevokeParams,
    UnbanParams,
    UnbanResult,
)
from mediasrv.signaling.methods.rooms import (
    CloseRoomParams,
    CreateRoomParams,
    CreateRoomResult,
    GetParticipantParams,
    GetParticipantResult,
    GetRoomParams,
    GetRoomResult,
    ListRoomsParams,
    ListRoomsResult,
    UpdateRoomParams,
    UpdateRoomResult,
)
from mediasrv.signaling.schema import MixChange, Nothing, Shape

R = TypeVar("R", bound=Shape)


class Methods(ABC):
    """Each sends a request and gives its result. All raise a `ClientError`."""

    @abstractmethod
    async def _request(self, method: str, params: Shape, result: type[R]) -> R: ...

    async def mute_track(self, participant_id: str, track_id: str, *, room: str | None = None) -> None:
        """Mute somebody's track. They may unmute it again; who must not, loses the permission: see `revoke`."""
        params = MuteTrackParams(participant_id=participant_id, track_id=track_id, room=room)
        await self._request("mute_track", params, Nothing)

    async def ask_to_unmute(
        self,
        participant_id: str,
        *,
        source: Literal["microphone", "camera", "screen"] = "microphone",
        room: str | None = None,
    ) -> None:
        """Ask somebody to turn a source on: they get `unmute_requested`, and do as they like."""
        params = AskToUnmuteParams(participant_id=participant_id, source=source, room=room)
        await self._request("ask_to_unmute", params, Nothing)

    async def grant(
        self, participant_id: str, permissions: list[str], *, for_s: float | None = None, room: str | None = None
    ) -> PermissionsResult:
        """Grant permissions to somebody, whatever token and room say. A participant grants only what it is granted."""
        params = GrantParams(participant_id=participant_id, permissions=permissions, for_s=for_s, room=room)
        return await self._request("grant", params, PermissionsResult)

    async def revoke(
        self, participant_id: str, permissions: list[str], *, for_s: float | None = None, room: str | None = None
    ) -> PermissionsResult:
        """Take permissions from somebody, whatever token and room say. Packets stop at once. Without `join` they
        leave.
        """
        params = RevokeParams(participant_id=participant_id, permissions=permissions, for_s=for_s, room=room)
        return await self._request("revoke", params, PermissionsResult)

    async def remove_participant(self, participant_id: str, *, room: str | None = None) -> None:
        """Have somebody leave, with the reason `removed`. Their token lets them in again: see `ban`."""
        params = RemoveParticipantParams(participant_id=participant_id, room=room)
        await self._request("remove_participant", params, Nothing)

    async def ban(
        self,
        *,
        participant_id: str | None = None,
        by_address: bool = False,
        identity: str | None = None,
        address: str | None = None,
        for_s: float = 3600.0,
        reason: str = "",
        room: str | None = None,
    ) -> BanResult:
        """Keep somebody out of the room for a time; who is in it leaves with the reason `banned`.

        By `participant_id`, of which the identity is banned, or with `by_address` the IP address it comes from
        (of IPv6 the /64), and with it everybody there but moderators; or by `identity`; or, for control sessions,
        by `address`. A ban is of the room's name: for control sessions the room need not be open, and it outlives
        room and server. In the journal a room that is not open is opened and closed for it.
        """
        params = BanParams(
            participant_id=participant_id,
            by_address=by_address,
            identity=identity,
            address=address,
            for_s=for_s,
            reason=reason,
            room=room,
        )
        return await self._request("ban", params, BanResult)

    async def unban(self, ban_id: str, *, room: str | None = None) -> UnbanResult:
        """Lift a ban. For control sessions the room need not be open; in the journal it is opened and closed for it."""
        params = UnbanParams(ban_id=ban_id, room=room)
        return await self._request("unban", params, UnbanResult)

    async def list_bans(self, *, room: str | None = None) -> ListBansResult:
        """The bans of the room that hold, oldest first. For control sessions it need not be open."""
        params = ListBansParams(room=room)
        return await self._request("list_bans", params, ListBansResult)

    async def admit(self, guest_id: str, *, room: str | None = None) -> AdmitResult:
        """Let in somebody who waits."""
        params = AdmitParams(guest_id=guest_id, room=room)
        return await self._request("admit", params, AdmitResult)

    async def refuse(self, guest_id: str, *, room: str | None = None) -> None:
        """Send away somebody who waits."""
        params = RefuseParams(guest_id=guest_id, room=room)
        await self._request("refuse", params, Nothing)

    async def list_guests(self, *, room: str | None = None) -> ListGuestsResult:
        """Who waits to be let in, in the order in which they came."""
        params = ListGuestsParams(room=room)
        return await self._request("list_guests", params, ListGuestsResult)

    async def create_room(
        self,
        room: str,
        *,
        capacity: int | UnsetType = UNSET,
        default_permissions: list[str] | UnsetType = UNSET,
        default_permissions_until: dict[str, float] | UnsetType = UNSET,
        lobby: bool | UnsetType = UNSET,
        locked: bool | UnsetType = UNSET,
        codecs: list[str] | UnsetType = UNSET,
        track_bitrate_bps: int | UnsetType | None = UNSET,
        idle_s: float | UnsetType = UNSET,
        history: int | UnsetType = UNSET,
        mix_above: int | UnsetType | None = UNSET,
        mix: MixChange | UnsetType = UNSET,
        metadata: str | UnsetType = UNSET,
    ) -> CreateRoomResult:
        """Open a room before anybody joins it. What is left out is as the server's settings have it for all rooms,
        but `idle_s` 300 where they say 0.
        """
        params = CreateRoomParams(
            room=room,
            capacity=capacity,
            default_permissions=default_permissions,
            default_permissions_until=default_permissions_until,
            lobby=lobby,
            locked=locked,
            codecs=codecs,
            track_bitrate_bps=track_bitrate_bps,
            idle_s=idle_s,
            history=history,
            mix_above=mix_above,
            mix=mix,
            metadata=metadata,
        )
        return await self._request("create_room", params, CreateRoomResult)

    async def update_room(
        self,
        *,
        room: str | None = None,
        capacity: int | UnsetType = UNSET,
        default_permissions: list[str] | UnsetType = UNSET,
        default_permissions_until: dict[str, float] | UnsetType = UNSET,
        lobby: bool | UnsetType = UNSET,
        locked: bool | UnsetType = UNSET,
        codecs: list[str] | UnsetType = UNSET,
        track_bitrate_bps: int | UnsetType | None = UNSET,
        idle_s: float | UnsetType = UNSET,
        history: int | UnsetType = UNSET,
        mix_above: int | UnsetType | None = UNSET,
        mix: MixChange | UnsetType = UNSET,
        metadata: str | UnsetType = UNSET,
    ) -> UpdateRoomResult:
        """Change settings of a room; what is left out stays. Without a lobby, those who wait come in.

        Another `track_bitrate_bps` holds at once: what goes beyond it is dropped. Encoders hear of it with the
        answer to their next offer, which is due when `room_updated` names it. Other `codecs` hold for offers that
        come later.

        A participant may change `locked`, `lobby` and `metadata`; a control session everything.
        """
        params = UpdateRoomParams(
            room=room,
            capacity=capacity,
            default_permissions=default_permissions,
            default_permissions_until=default_permissions_until,
            lobby=lobby,
            locked=locked,
            codecs=codecs,
            track_bitrate_bps=track_bitrate_bps,
            idle_s=idle_s,
            history=history,
            mix_above=mix_above,
            mix=mix,
            metadata=metadata,
        )
        return await self._request("update_room", params, UpdateRoomResult)

    async def list_rooms(self) -> ListRoomsResult:
        """All rooms that are open, in the order in which they were opened."""
        params = ListRoomsParams()
        return await self._request("list_rooms", params, ListRoomsResult)

    async def get_room(self, room: str) -> GetRoomResult:
        """One room and everybody in it."""
        params = GetRoomParams(room=room)
        return await self._request("get_room", params, GetRoomResult)

    async def get_participant(self, room: str, participant_id: str) -> GetParticipantResult:
        """One participant of a room, and what it may do."""
        params = GetParticipantParams(room=room, participant_id=participant_id)
        return await self._request("get_participant", params, GetParticipantResult)

    async def close_room(self, *, room: str | None = None) -> None:
        """End the room: everybody leaves with the reason `room_closed`."""
        params = CloseRoomParams(room=room)
        await self._request("close_room", params, Nothing)

    async def ping(self) -> None:
        """Nothing but an answer: to see whether the connection is alive, and to keep it from being idle."""
        params = PingParams()
        await self._request("ping", params, Nothing)

    async def read_journal(
        self, *, room: str | None = None, after: int = 0, last: bool = False, limit: int = 100
    ) -> ReadJournalResult:
        """Records of the journal, oldest first: those behind position `after`, or the newest ones with `last`."""
        params = ReadJournalParams(room=room, after=after, last=last, limit=limit)
        return await self._request("read_journal", params, ReadJournalResult)

    async def get_statistics(self, *, room: str | None = None) -> GetStatisticsResult:
        """What the server and its media workers have counted, and how the media of one room does."""
        params = GetStatisticsParams(room=room)
        return await self._request("get_statistics", params, GetStatisticsResult)
