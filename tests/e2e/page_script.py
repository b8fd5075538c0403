"""Scripts that tests evaluate in a page: a function of one argument, each in a file of its own."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def over_rpc(name: str) -> str:
    """One that joins by `joinOverRpc` of rpc.js."""
    rpc, script = (HERE / "rpc.js").read_text(), (HERE / name).read_text()
    return f"async (given) => {{\n{rpc}\nreturn await (\n{script}\n)(given);\n}}"
