"""What vcpkg asks of a port's vcpkg.json: vcpkg_manifest.py FILE prints what is wrong with it.

These are rules of its published JSON schema, and of the order that `vcpkg format-manifest` writes."""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

IDENTIFIER = re.compile(r"(?!(?:prn|aux|nul|con|lpt[1-9]|com[1-9]|core|default)$)[a-z0-9]+(-[a-z0-9]+)*")
VERSION = re.compile(r"\d+(\.\d+)*")
PLATFORM = re.compile(r"[a-z0-9]+( ([&|]) !?[a-z0-9]+)*")
FIELDS = [
    "name",
    "version",
    "port-version",
    "maintainers",
    "description",
    "homepage",
    "documentation",
    "license",
    "supports",
    "dependencies",
    "default-features",
    "features",
]
FEATURE_FIELDS = ["description", "supports", "license", "dependencies"]
DEPENDENCY_FIELDS = ["name", "host", "default-features", "features", "platform", "version>="]


def fields_of(what: str, found: dict[str, Any], known: list[str]) -> list[str]:
    names = [name for name in found if not name.startswith("$")]
    faults = [f"{what}: no field {name}" for name in names if name not in known]
    in_order = sorted((name for name in names if name in known), key=known.index)
    if not faults and names != in_order:
        faults.append(f"{what}: the order is {', '.join(in_order)}")
    return faults


def dependencies_of(what: str, found: list[Any]) -> list[str]:
    faults, names = [], []
    for dependency in found:
        facts = {"name": dependency} if isinstance(dependency, str) else dependency
        faults += fields_of(what, facts, DEPENDENCY_FIELDS)
        names.append(facts.get("name", ""))
        if not IDENTIFIER.fullmatch(names[-1]):
            faults.append(f"{what}: no name of a port: {names[-1]!r}")
        if not isinstance(facts.get("host", False), bool):
            faults.append(f"{what}: host is true or false")
    if names != sorted(names):
        faults.append(f"{what}: not in the order of names")
    return faults


def features_of(manifest: dict[str, Any]) -> list[str]:
    features, faults = manifest.get("features", {}), []
    for name, feature in features.items():
        faults += fields_of(name, feature, FEATURE_FIELDS)
        faults += dependencies_of(name, feature.get("dependencies", []))
        if not IDENTIFIER.fullmatch(name) or not feature.get("description"):
            faults.append(f"{name}: no name of a feature, or no description")
    faults += [f"no feature {name}" for name in manifest.get("default-features", []) if name not in features]
    if list(features) != sorted(features):
        faults.append("features: not in the order of names")
    return faults


def faults_of(text: str) -> list[str]:
    manifest = json.loads(text)
    faults = fields_of("vcpkg.json", manifest, FIELDS)
    if not IDENTIFIER.fullmatch(manifest.get("name", "")):
        faults.append("no name of a port")
    if not VERSION.fullmatch(manifest.get("version", "")):
        faults.append("no version")
    if not manifest.get("description") or not isinstance(manifest.get("license"), (str, type(None))):
        faults.append("no description, or no licence")
    if not PLATFORM.fullmatch(manifest.get("supports", "linux")):
        faults.append("supports: no platforms")
    return faults + dependencies_of("dependencies", manifest.get("dependencies", [])) + features_of(manifest)


if __name__ == "__main__":
    found = faults_of(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(found) or "vcpkg.json is as vcpkg wants it")
    sys.exit(bool(found))
