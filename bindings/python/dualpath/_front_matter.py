"""The head of a model card: YAML that hubs read, safe whatever texts a model comes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

Entry = Union[str, Sequence[str]]

# Licences that the hub of Hugging Face knows by these names; of any other it takes license_name.
_LICENCES = frozenset("""
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 cc
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0
    cc0-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0
    mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail osl-3.0 pddl postgresql unlicense wtfpl zlib
""".split())
_VARIANTS = ("-only", "-or-later")


def licence_entries(licence: str) -> dict[str, Entry]:
    """By its SPDX name, or any text; none of an empty one."""
    if not licence:
        return {}
    name = licence.lower()
    for end in _VARIANTS:
        name = name.removesuffix(end)
    return {"license": name} if name in _LICENCES else {"license": "other", "license_name": licence}


def front_matter(entries: dict[str, Entry]) -> str:
    """Names are those of this package; texts are anybody's."""
    lines = []
    for name, entry in entries.items():
        if isinstance(entry, str):
            lines.append(f"{name}: {_quoted(entry)}")
        else:
            lines += [f"{name}:", *(f"- {_quoted(one)}" for one in entry)]
    return "\n".join(["---", *lines, "---", ""])


def _quoted(text: str) -> str:
    """A scalar in double quotes, on one line: nothing in it means anything to YAML."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code < 0xE000:
        return "\\uFFFD"  # half of a pair is no character
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
