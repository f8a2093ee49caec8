"""Sets of characters in Java's regular expressions, written as sets of the `regex` module.

Every function answers with a text that is one character to match, alone and inside of brackets, as `regex` reads it
under VERSION1 (nested sets). Upper and lower case are spelled out here, character by character, because Java folds
case in ASCII alone unless flag `u` is given, and then by simple mappings: `regex`'s own folding is never switched on.

Flags are Java's letters: i case-insensitive, u Unicode case, U Unicode classes, s dot-all, d Unix lines. Which
characters have a property is told by `regex`'s version of Unicode, which is newer than Java's.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from functools import cache

import regex

Flags = frozenset[str]


class JavaRegexError(ValueError):
    """A pattern that Java refuses as well; the text says why."""


_TERMINATORS = r"\n\r\x85\u2028\u2029"
_HORIZONTAL = r"\t\x20\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0b\f\r\x85\u2028\u2029"
VERTICAL = f"[{_VERTICAL}]"

_ASCII_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "0-9A-Za-z",
    "Punct": r"!-/:-@\[-`\{-\~",
    "Graph": r"!-\~",
    "Print": r"\x20-\~",
    "Blank": r"\x20\t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9A-Fa-f",
    "Space": r"\x20\t-\r",
}
# Under flag U the names above mean these, too; `Is` may stand before any of them, in any case.
_UNICODE_CLASSES = {
    "ALPHABETIC": r"\p{Alphabetic}",
    "LETTER": r"\p{L}",
    "IDEOGRAPHIC": r"\p{Ideographic}",
    "LOWERCASE": r"\p{Lowercase}",
    "UPPERCASE": r"\p{Uppercase}",
    "TITLECASE": r"\p{Lt}",
    "WHITE_SPACE": r"\p{White_Space}",
    "CONTROL": r"\p{Cc}",
    "PUNCTUATION": r"\p{P}",
    "HEX_DIGIT": r"\p{Nd}\p{Hex_Digit}",
    "ASSIGNED": r"\P{Cn}",
    "NONCHARACTER_CODE_POINT": r"\p{Noncharacter_Code_Point}",
    "DIGIT": r"\p{Nd}",
    "ALNUM": r"\p{Alphabetic}\p{Nd}",
    "BLANK": r"\p{Zs}\t",
    "GRAPH": r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]",
    "PRINT": r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]\p{Zs}",
    "WORD": r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}",
    "JOIN_CONTROL": r"\p{Join_Control}",
    "ASCII": r"\x00-\x7f",
}
_SYNONYMS = {
    "WHITESPACE": "WHITE_SPACE",
    "SPACE": "WHITE_SPACE",
    "HEXDIGIT": "HEX_DIGIT",
    "XDIGIT": "HEX_DIGIT",
    "NONCHARACTERCODEPOINT": "NONCHARACTER_CODE_POINT",
    "JOINCONTROL": "JOIN_CONTROL",
    "ALPHA": "ALPHABETIC",
    "LOWER": "LOWERCASE",
    "UPPER": "UPPERCASE",
    "CNTRL": "CONTROL",
    "PUNCT": "PUNCTUATION",
}
_IGNORABLE = r"\x00-\x08\x0e-\x1b\x7f-\x9f\p{Cf}"
_IDENTIFIER = r"\p{L}\p{Nl}\p{Nd}\p{Pc}\p{Mn}\p{Mc}" + _IGNORABLE
# By the name of the method of `java.lang.Character` without its `is`.
_JAVA_CLASSES = {
    "LowerCase": r"\p{Lowercase}",
    "UpperCase": r"\p{Uppercase}",
    "TitleCase": r"\p{Lt}",
    "Alphabetic": r"\p{Alphabetic}",
    "Ideographic": r"\p{Ideographic}",
    "Digit": r"\p{Nd}",
    "Defined": r"\P{Cn}",
    "Letter": r"\p{L}",
    "LetterOrDigit": r"\p{L}\p{Nd}",
    "JavaIdentifierStart": r"\p{L}\p{Nl}\p{Sc}\p{Pc}",
    "JavaIdentifierPart": r"\p{Sc}" + _IDENTIFIER,
    "UnicodeIdentifierStart": r"\p{L}\p{Nl}\p{Other_ID_Start}",
    "UnicodeIdentifierPart": r"\p{Other_ID_Start}\p{Other_ID_Continue}" + _IDENTIFIER,
    "IdentifierIgnorable": _IGNORABLE,
    "SpaceChar": r"\p{Z}",
    "Whitespace": r"[\p{Z}--[\xa0\u2007\u202f]]\t-\r\x1c-\x1f",
    "ISOControl": r"\p{Cc}",
    "Mirrored": r"\p{Bidi_Mirrored}",
}
_GENERAL_CATEGORIES = (
    "L Lu Ll Lt Lm Lo M Mn Me Mc N Nd Nl No Z Zs Zl Zp C Cn Cc Cf Co Cs P Pd Ps Pe Pc Po Pi Pf S Sm Sc Sk So"
)
_CATEGORIES = {
    **{name: rf"\p{{{name}}}" for name in _GENERAL_CATEGORIES.split()},
    "LC": r"\p{Lu}\p{Ll}\p{Lt}",
    "LD": r"\p{L}\p{Nd}",
    "L1": r"\x00-\xff",
    "all": r"\x00-\U0010ffff",
}
# Names of one case stand for all cases under flag i.
_ANY_CASE_CATEGORY = frozenset(("Lu", "Ll", "Lt"))
_ANY_CASE = r"\p{Lowercase}\p{Uppercase}\p{Lt}"
_CASE_CLASSES = frozenset((r"\p{Lowercase}", r"\p{Uppercase}", r"\p{Lt}"))

_ESCAPED_CODE = (r"\x%02x", r"\u%04x", r"\U%08x")
# Beyond this no character has a case.
_LAST_CASED = 0x1E943
_LATIN_1 = 0xFF
# In a set and under flags iu Java looks for the other cases of these alone beyond Latin-1: y, s and k with their like.
_REACHING_OUT = frozenset(map(ord, "\xff\xb5IiSsKk\xc5\xe5"))


def literal(code: int) -> str:
    """Code point `code` as itself."""
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    return _ESCAPED_CODE[(code > _LATIN_1) + (code > 0xFFFF)] % code


def any_case(code: int, flags: Flags) -> str:
    """Code point `code`, under flag i in either case."""
    if "i" not in flags:
        return literal(code)
    if "u" in flags:
        upper = _upper(chr(code))
        lower = _lower(upper)
        same = _folded().get(lower, "") if upper != lower else ""
        return _union(literal(code), *(literal(ord(other)) for other in same))
    return _union(literal(code), literal(ord(chr(code).swapcase())) if code < 128 else literal(code))


def in_set(code: int, flags: Flags) -> str:
    """Like `any_case`, as Java does it inside of brackets."""
    if "i" in flags and "u" in flags and code <= _LATIN_1 and code not in _REACHING_OUT:
        character = chr(code)
        return _union(
            *(literal(ord(c)) for c in (character, _lower(character), _upper(character)) if c <= "\xff")
        )
    return any_case(code, flags)


def span(first: int, last: int, flags: Flags) -> str:
    """The code points from `first` to `last`, under flag i in either case."""
    plain = f"{literal(first)}-{literal(last)}"
    if "i" not in flags:
        return f"[{plain}]"
    if "u" in flags:
        others = [
            character
            for lower, family in _folded().items()
            for character in family
            if first <= ord(_upper(character)) <= last or first <= ord(lower) <= last
        ]
    else:
        others = [chr(code).swapcase() for code in range(first, min(last, 127) + 1) if chr(code).isalpha()]
    return f"[{plain}{''.join(literal(ord(other)) for other in others)}]"


def dot(flags: Flags) -> str:
    """What `.` matches."""
    if "s" in flags:
        return r"[\x00-\U0010ffff]"
    return r"[^\n]" if "d" in flags else f"[^{_TERMINATORS}]"


def terminators(flags: Flags) -> str:
    """The characters that end a line."""
    return r"[\n]" if "d" in flags else f"[{_TERMINATORS}]"


def predefined(letter: str, flags: Flags) -> str:
    r"""What a backslash and one of d, s, w, h, v match, or of their capitals, the others."""
    sets = {"d": "0-9", "s": r"\x20\t-\r", "w": "0-9A-Za-z_", "h": _HORIZONTAL, "v": _VERTICAL}
    if "U" in flags:
        sets |= {"d": r"\p{Nd}", "s": r"\p{White_Space}", "w": _UNICODE_CLASSES["WORD"]}
    return f"[{'^' * letter.isupper()}{sets[letter.lower()]}]"


def word(flags: Flags) -> str:
    r"""The characters that `\b` takes for parts of words by themselves."""
    return f"[{_UNICODE_CLASSES['WORD']}]" if "U" in flags else r"[\p{L}\p{Nd}_]"


def named(name: str, flags: Flags, *, inverted: bool) -> str:
    r"""What `\p{name}` matches, `\P{name}` if `inverted`; raises JavaRegexError if Java has no such class."""
    members = _members(name, flags)
    if "i" in flags and members in _CASE_CLASSES and name.removeprefix("Is") not in _ANY_CASE_CATEGORY:
        members = _ANY_CASE
    return f"[{'^' * inverted}{members}]"


def _members(name: str, flags: Flags) -> str:
    key, equals, value = name.partition("=")
    if equals:
        return _of_key(key.lower(), value, flags)
    if name.startswith("In"):
        return _known(rf"\p{{Block={name[2:]}}}", f"block {name[2:]}")
    if name.startswith("java") and name[4:] in _JAVA_CLASSES:
        return _JAVA_CLASSES[name[4:]]
    if name.startswith("Is"):
        upper = name[2:].upper()
        found = _UNICODE_CLASSES.get(_SYNONYMS.get(upper, upper)) or _category(name[2:], flags)
        return found or _script(name[2:])
    if name in _ASCII_CLASSES:
        return _ascii_class(name, flags)
    category = _category(name, flags)
    if category is None:
        raise JavaRegexError(f"no class of characters is called {name}")
    return category


def _of_key(key: str, value: str, flags: Flags) -> str:
    if key in ("sc", "script"):
        return _script(value)
    if key in ("blk", "block"):
        return _known(rf"\p{{Block={value}}}", f"block {value}")
    category = _category(value, flags) if key in ("gc", "general_category") else None
    if category is None:
        raise JavaRegexError(f"no class of characters is called {key}={value}")
    return category


def _ascii_class(name: str, flags: Flags) -> str:
    if "U" in flags:
        return _UNICODE_CLASSES[_SYNONYMS.get(name.upper(), name.upper())]
    return _ASCII_CLASSES["Alpha" if "i" in flags and name in ("Lower", "Upper") else name]


def _category(name: str, flags: Flags) -> str | None:
    return _CATEGORIES.get("LC" if "i" in flags and name in _ANY_CASE_CATEGORY else name)


def _script(name: str) -> str:
    return _known(rf"\p{{Script={name}}}", f"script {name}")


def _known(text: str, what: str) -> str:
    """`text` if its name, which may come from anywhere, is one that `regex` knows."""
    if re.fullmatch(r"\\p\{\w+=\w[\w -]*\}", text, re.ASCII):
        try:
            regex.compile(text, regex.VERSION1)
        except regex.error:
            pass
        else:
            return text
    raise JavaRegexError(f"there is no {what}")


def _union(*parts: str) -> str:
    distinct = list(dict.fromkeys(parts))
    return distinct[0] if len(distinct) == 1 else f"[{''.join(distinct)}]"


def _upper(character: str) -> str:
    """The simple mapping, which never makes two characters of one."""
    for mapped in (character.upper(), character.title()):
        if len(mapped) == 1:
            return mapped
    return character


def _lower(character: str) -> str:
    return character.lower()[0]  # only U+0130 has two, an i with a dot above


@cache
def _folded() -> dict[str, str]:
    """The characters that are one to Java under flags iu, by the small letter of their capital."""
    families: dict[str, str] = defaultdict(str)
    for code in range(min(sys.maxunicode, _LAST_CASED) + 1):
        character = chr(code)
        families[_lower(_upper(character))] += character
    return {lower: family for lower, family in families.items() if len(family) > 1}
