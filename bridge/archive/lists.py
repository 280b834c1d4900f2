"""The owner's lists: people followed, blocked and the like; links; the opt-in; the profile.

Entries come in four shapes (A: a wrapped list, B: a bare one, C: label_values,
D: string_map_data), and labels come in the language of whoever exported them:
a label is known by translation, else an entry is taken by its place or form.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from bridge.archive.model import Edge, EdgeKind, LinkedAccount, Network, Upgrade
from bridge.archive.report import ArchiveReport
from bridge.archive.text import is_sound

USERNAME_LABELS = frozenset(
    {"username", "user name", "benutzername", "nom d’utilisateur", "nom d'utilisateur", "nombre de usuario"}
    | {
        "nome de usuário",
        "nome de utilizador",
        "nome utente",
        "gebruikersnaam",
        "nazwa użytkownika",
        "kullanıcı adı",
    }
    | {"имя пользователя", "ім'я користувача", "användarnamn", "brugernavn", "brukernavn", "käyttäjätunnus"}
    | {
        "uživatelské jméno",
        "felhasználónév",
        "nume de utilizator",
        "όνομα χρήστη",
        "ユーザーネーム",
        "사용자 이름",
    }
    | {"用户名", "用戶名稱", "اسم المستخدم", "שם משתמש", "nama pengguna", "tên người dùng", "ชื่อผู้ใช้"}
)
NAME_LABELS = frozenset(
    {
        "name",
        "full name",
        "nom",
        "nom complet",
        "nombre",
        "nome",
        "naam",
        "imię i nazwisko",
        "nazwa",
        "ad",
        "isim",
    }
    | {
        "имя",
        "ім'я",
        "namn",
        "navn",
        "nimi",
        "jméno",
        "név",
        "nume",
        "όνομα",
        "名前",
        "이름",
        "姓名",
        "名称",
        "الاسم",
        "שם",
    }
    | {"nama", "tên", "ชื่อ"}
)
IDENTIFIER_LABELS = frozenset(
    {
        "identifier",
        "id",
        "kennung",
        "identifiant",
        "identificador",
        "identificatore",
        "identyfikator",
        "идентификатор",
    }
)
TRUE_WORDS = frozenset(
    {
        "true",
        "1",
        "yes",
        "on",
        "enabled",
        "ja",
        "wahr",
        "oui",
        "vrai",
        "sí",
        "si",
        "verdadero",
        "sim",
        "verdadeiro",
    }
    | {"sì", "vero", "tak", "prawda", "да", "так", "evet", "doğru", "waar", "はい", "예", "是", "نعم", "כן"}
)
FALSE_WORDS = frozenset(
    {
        "false",
        "0",
        "no",
        "off",
        "disabled",
        "nein",
        "falsch",
        "non",
        "faux",
        "falso",
        "não",
        "nie",
        "fałsz",
        "нет",
    }
    | {"ні", "hayır", "yanlış", "nee", "onwaar", "いいえ", "아니요", "否", "لا", "לא"}
)
BRANDS: dict[str, Network] = {"facebook": "messenger", "messenger": "messenger", "instagram": "direct"}

LAST_S = 2**43
_HANDLE = re.compile(r"(?=.*[a-z])[a-z0-9._]{1,30}")


def entries_of(value: Any) -> list[Any]:
    """Give a file's entries, wrapped (shape A) or bare (shape B)."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [entry for part in value.values() if isinstance(part, list) for entry in part]
    return []


def read_edges(
    value: Any, kind: EdgeKind, place: str, report: ArchiveReport, *, sound: bool
) -> Iterator[Edge]:
    """Read one list of people, counting what cannot be understood."""
    for number, entry in enumerate(entries_of(value)):
        people = list(_people(entry)) if sound or is_sound(entry) else []
        if not people:
            report.skipped_rows.add(f"{place} [{number}]", "names nobody")
        for name, at_s in people:
            report.edges[kind.value] += 1
            yield Edge(kind, name, at_s)


def _people(entry: Any) -> Iterator[tuple[str, int | None]]:
    if not isinstance(entry, dict):
        return
    title = entry.get("title")
    items = entry.get("string_list_data")
    if isinstance(items, list) and items:
        for item in items:
            if isinstance(item, dict):
                name = _text(item.get("value")) or _text(title) or _tail(item.get("href"))
                if name:
                    yield name, _seconds(item.get("timestamp"))
        return
    fields = fields_of(entry)
    found = (
        labelled(fields, USERNAME_LABELS) or labelled(fields, NAME_LABELS) or (fields[0] if fields else None)
    )
    name = _text(entry.get("name")) or _text(title)
    if name is None and found is not None:
        name = _text(found["value"]) or _tail(found["href"])
    if name:
        yield name, _seconds(entry.get("timestamp")) or (found and _seconds(found["timestamp"])) or None


def fields_of(entry: Any) -> list[dict[str, Any]]:
    """Give an entry's fields in order, from shape C or D: label, value, href, timestamp."""
    if not isinstance(entry, dict):
        return []
    mapped = entry.get("string_map_data")
    if isinstance(mapped, dict):
        pairs = [(label, field) for label, field in mapped.items() if isinstance(field, dict)]
    else:
        listed = entry.get("label_values")
        fields = [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
        pairs = [(field.get("label"), field) for field in fields]
    return [
        {
            "label": label.strip().casefold() if isinstance(label, str) else "",
            "value": field.get("value"),
            "href": field.get("href"),
            "timestamp": field.get("timestamp"),
        }
        for label, field in pairs
    ]


def labelled(fields: list[dict[str, Any]], labels: frozenset[str]) -> dict[str, Any] | None:
    """Give the first field with a value whose label is one of these."""
    for field in fields:
        if field["label"] in labels and (_text(field["value"]) or _text(field["href"])):
            return field
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _tail(href: Any) -> str | None:
    """Give the user name at the end of a profile's address."""
    if not isinstance(href, str):
        return None
    try:
        return unquote(urlsplit(href).path).rstrip("/").rpartition("/")[2] or None
    except ValueError:
        return None


def _seconds(value: Any) -> int | None:
    return value if type(value) is int and 0 < value <= LAST_S else None


def read_links(value: Any, place: str, report: ArchiveReport) -> Iterator[LinkedAccount]:
    """Read the accounts that the archive says are the same person's."""
    for number, entry in enumerate(entries_of(value)):
        fields = fields_of(entry)
        # The network's name is the same in every language; without it the first field is taken for it.
        brand = next((f for f in fields if _brand(f["value"])), fields[0] if fields else None)
        rest = [field for field in fields if field is not brand]
        named = labelled(rest, USERNAME_LABELS) or labelled(rest, NAME_LABELS)
        named = named or next((field for field in rest if _text(field["value"])), None)
        if brand is None or named is None or not is_sound(entry):
            report.skipped_rows.add(f"{place} [{number}]", "names no account")
            continue
        label = _text(brand["value"]) or ""
        network = BRANDS.get(label.strip().casefold())
        if network is None:
            report.unknown_values.add(
                f"{place} [{number}]", f"a network unknown to the bridge: {label[:80]!r}"
            )
        identifier = labelled([field for field in rest if field is not named], IDENTIFIER_LABELS)
        identified = identifier or next((f for f in rest if f is not named and _is_number(f["value"])), None)
        name = _text(named["value"]) or _tail(named["href"]) or ""
        yield LinkedAccount(network, name, _text(identified["value"]) if identified else None, label)


def _brand(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() in BRANDS


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.isdecimal()


def read_upgrade(value: Any, place: str, report: ArchiveReport) -> Upgrade | None:
    """Read the opt-in to messaging across the networks; ``None`` if the file does not tell."""
    for entry in entries_of(value):
        fields = fields_of(entry)
        said = next((field["value"] for field in fields if field["value"] not in (None, "")), None)
        at_s = next((at for field in fields if (at := _seconds(field["timestamp"]))), None)
        word = str(said).strip().casefold()
        if word in TRUE_WORDS:
            return Upgrade(True, at_s)
        if word in FALSE_WORDS:
            return Upgrade(False, at_s)
        report.unknown_values.add(place, f"neither yes nor no: {str(said)[:80]!r}")
    if not entries_of(value):
        report.unknown_values.add(place, "not a form of this setting that the bridge knows")
    return None


def read_profile(value: Any) -> tuple[str | None, str | None]:
    """Read the owner's display name and user name from a profile file of either network."""
    if isinstance(value, dict):
        for key in ("profile_v2", "profile"):
            if isinstance(value.get(key), dict):
                return _facebook_profile(value[key])
    for entry in entries_of(value):
        fields = fields_of(entry)
        user = labelled(fields, USERNAME_LABELS)
        # Without a known label: only a user name is in lower case, without @ or +.
        user = user or next(
            (f for f in fields if isinstance(f["value"], str) and _HANDLE.fullmatch(f["value"])), None
        )
        name = labelled(fields, NAME_LABELS)
        if user or name:
            return (_text(name["value"]) if name else None, _text(user["value"]) if user else None)
    return None, None


def _facebook_profile(profile: dict[str, Any]) -> tuple[str | None, str | None]:
    name = profile.get("name")
    full = name.get("full_name") if isinstance(name, dict) else name
    handle = _text(profile.get("username")) or _tail(profile.get("profile_uri"))
    return _text(full), None if handle == "profile.php" else handle
