"""Sealed files: what opens them, what does not, and what a crash leaves."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from companion.tasks import privacy_seal
from companion.tasks.privacy_seal import (
    WrongPasswordError,
    new_key,
    seal,
    unseal,
)

PASSWORD = "correct horse battery staple"
KEY = new_key(PASSWORD, work=10)  # a quick one: scrypt's cost is not the subject here


@given(st.binary(max_size=300))
def test_opens_to_the_same_bytes_and_shows_none_of_them(plain):
    sealed = seal(plain, KEY)
    assert unseal(sealed, PASSWORD) == (plain, KEY)
    assert len(plain) < 6 or plain not in sealed[69:]


def test_the_body_is_plain_aes_gcm():
    """Another program that knows the layout opens the file: nothing is home-made."""
    sealed = seal(b"Marguerite", KEY)
    head, nonce, body = sealed[:69], sealed[41:53], sealed[69:]
    assert AESGCM(KEY.secret).decrypt(nonce, body, head) == b"Marguerite"


def test_two_sealings_share_no_body_and_two_keys_no_salt():
    one, two = seal(b"Marguerite", KEY), seal(b"Marguerite", KEY)
    assert one[69:] != two[69:]
    assert one[41:53] != two[41:53]  # a nonce that comes twice would give both away
    other = new_key(PASSWORD, work=10)
    assert other.salt != KEY.salt
    assert other.secret != KEY.secret


def test_a_key_prints_without_its_secret():
    assert repr(KEY) == "Key(work=10)"


@pytest.mark.parametrize("at", [0, 8, 9, 25, 41, 53, 61, 69, 75, -1])
def test_every_changed_byte_is_noticed(at):
    sealed = bytearray(seal(b"Marguerite", KEY))
    sealed[at] ^= 1
    with pytest.raises(ValueError, match=r"no sealed file|damaged"):
        unseal(bytes(sealed), PASSWORD)


@pytest.mark.parametrize(
    ("cut", "message"),
    [(0, "no sealed file"), (7, "no sealed file"), (40, "cut off"), (69, "cut off"), (80, "cut")],
)
def test_a_cut_file_is_told_from_a_wrong_password(cut, message):
    with pytest.raises(ValueError, match=message):
        unseal(seal(b"Marguerite", KEY)[:cut], PASSWORD)


def test_a_wrong_password_is_told_from_damage():
    with pytest.raises(WrongPasswordError, match="does not fit; nothing was opened"):
        unseal(seal(b"Marguerite", KEY), PASSWORD + "!")


def test_two_ways_to_write_a_letter_are_one_password():
    key = new_key("caf\u00e9 au lait, bien chaud", work=10)
    assert unseal(seal(b"x", key), "cafe\u0301 au lait, bien chaud")[0] == b"x"


@pytest.mark.parametrize(
    ("password", "error", "message"),
    [
        ("", ValueError, "a password is needed"),
        (None, TypeError, "must be text, got NoneType"),
        (b"correct horse", TypeError, "must be text, got bytes"),
    ],
)
def test_without_a_password_nothing_opens(password, error, message):
    with pytest.raises(error, match=message):
        unseal(seal(b"Marguerite", KEY), password)
    with pytest.raises(error, match=message):
        new_key(password)


def test_refuses_short_passwords_and_senseless_work():
    with pytest.raises(ValueError, match="at least 12 characters, got 6"):
        new_key("secret")
    for work in (9, 21):
        with pytest.raises(ValueError, match="10 to 20"):
            new_key(PASSWORD, work=work)


def test_a_file_cannot_ask_for_all_the_memory():
    head = privacy_seal._HEAD.pack(privacy_seal.MARK, 40, bytes(16), bytes(16), bytes(12), 0)
    head += privacy_seal.hashlib.sha256(head).digest()[:8]
    with pytest.raises(ValueError, match="asks for work 40"):
        unseal(head + bytes(16), PASSWORD)
