"""Files that tell nothing without the password, written whole or not at all.

A password becomes a key by scrypt (Percival and Josefsson, 2016, RFC 7914), which costs an attacker
time and memory for every guess. The key encrypts by AES-256 in Galois counter mode (Dworkin, 2007,
NIST SP 800-38D), which also notices every changed bit. The parts of a file, in order:

    mark 8 | log2 of scrypt's work 1 | salt 16 | check 16 | nonce 12 | length 8 | digest 8 | body

`check` tells a wrong password from a damaged file, `digest` a damaged head. The body is as long as
the plain bytes and 16 more. Its length, and the time of writing, are all that a file gives away.
"""

import hashlib
import hmac
import secrets
import struct
import unicodedata
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MARK = b"sealed 1"
"""The first bytes of every sealed file."""

WORK = 17
"""log2 of scrypt's cost: 17 takes 128 MiB and some tenths of a second for one guess."""

MIN_PASSWORD = 12
"""Shortest new password, in characters. No work makes up for a password that can be guessed."""

_WORKS = range(10, 21)  # 20 is 1 GiB: a file may not ask for more
_HEAD = struct.Struct(">8sB16s16s12sQ")
_DIGEST = 8
_TAG = 16


class WrongPasswordError(PermissionError):
    """The password does not open the file; the file is as it was."""


@dataclass(frozen=True)
class Key:
    """What scrypt made of a password; it lives in memory only, and prints without its secret."""

    work: int
    salt: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    check: bytes = field(repr=False)


def new_key(password: str, *, work: int = WORK) -> Key:
    """Make a key with a new random salt.

    Args:
        password: at least 12 characters.
        work: log2 of scrypt's cost, 10 to 20; lower it in tests only.

    Raises:
        TypeError: the password is no text.
        ValueError: the password is empty or short, or `work` is out of its range.
    """
    text = _text(password)
    if len(text) < MIN_PASSWORD:
        raise ValueError(
            f"a new password needs at least {MIN_PASSWORD} characters, got {len(text)}; a few "
            "random words are easy to keep in mind"
        )
    if work not in _WORKS:
        raise ValueError(f"work must lie in {_WORKS[0]} to {_WORKS[-1]}, got {work}")
    return _derive(text, secrets.token_bytes(16), work)


def seal(plain: bytes, key: Key) -> bytes:
    """Encrypt; two sealings of the same bytes differ, since each draws a new nonce.

    Example:
        >>> key = new_key("correct horse battery", work=10)
        >>> sealed = seal(b"Ada", key)
        >>> b"Ada" in sealed, unseal(sealed, "correct horse battery")[0]
        (False, b'Ada')
    """
    nonce = secrets.token_bytes(12)
    head = _HEAD.pack(MARK, key.work, key.salt, key.check, nonce, len(plain))
    head += hashlib.sha256(head).digest()[:_DIGEST]
    return head + AESGCM(key.secret).encrypt(nonce, plain, head)


def unseal(sealed: bytes, password: str) -> tuple[bytes, Key]:
    """Decrypt.

    Args:
        sealed: all bytes of a sealed file.
        password: what `new_key` was given.

    Returns:
        The plain bytes, and the key, with which changed bytes can be sealed again.

    Raises:
        TypeError: the password is no text.
        ValueError: there is no password, or the bytes are not sealed, cut off or damaged.
        WrongPasswordError: the password is another one.
    """
    text = _text(password)
    size = _HEAD.size + _DIGEST
    if not sealed.startswith(MARK):
        raise ValueError("this is no sealed file: its first bytes are others")
    head, body = sealed[:size], sealed[size:]
    if hashlib.sha256(head[: _HEAD.size]).digest()[:_DIGEST] != head[_HEAD.size :]:
        raise ValueError("the head of the sealed file is cut off or damaged; restore a copy")
    _, work, salt, check, nonce, length = _HEAD.unpack(head[: _HEAD.size])
    if work not in _WORKS:
        raise ValueError(f"the sealed file asks for work {work}, at most {_WORKS[-1]} is done")
    if len(body) != length + _TAG:
        raise ValueError(
            f"the sealed file should have {size + length + _TAG} bytes and has {len(sealed)}: it "
            "is cut off or has grown; restore a copy"
        )
    key = _derive(text, salt, work)
    if not hmac.compare_digest(key.check, check):
        raise WrongPasswordError("the password does not fit; nothing was opened or changed")
    try:
        return AESGCM(key.secret).decrypt(nonce, body, head), key
    except InvalidTag:
        raise ValueError(
            "the password fits, but the sealed bytes were changed or damaged; restore a copy"
        ) from None


def _text(password: str) -> str:
    if not isinstance(password, str):
        raise TypeError(f"the password must be text, got {type(password).__name__}")
    if not password:
        raise ValueError("a password is needed to open a sealed file; none was given")
    return unicodedata.normalize("NFC", password)


def _derive(password: str, salt: bytes, work: int) -> Key:
    made = Scrypt(salt=salt, length=64, n=1 << work, r=8, p=1).derive(password.encode())
    secret, rest = made[:32], made[32:]
    return Key(work, salt, secret, hashlib.sha256(rest).digest()[:16])
