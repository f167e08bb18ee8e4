"""Just enough of protobuf's wire form for the user calls, with the field numbers of Milvus' protocol, so that both sides of a comparison are
read by the same few lines and a message can also be written wrong on purpose."""

import base64

SERVICE = "/milvus.proto.milvus.MilvusService/"


def varint(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def text(field: int, value) -> bytes:
    """A string, bytes or message field; nothing for None, as for an unset field. An empty one is written only as b""."""
    if value is None or value == "":
        return b""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def fields(message: bytes) -> list:
    """[(field number, value)]; value is an int or bytes. ValueError when the bytes are no message."""
    out, at = [], 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(message):
                raise ValueError("truncated")
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = read()
        if key & 7 == 0:
            out.append((key >> 3, read()))
        elif key & 7 == 2:
            size = read()
            if at + size > len(message):
                raise ValueError("truncated")
            out.append((key >> 3, message[at : at + size]))
            at += size
        elif key & 7 in (1, 5):
            size = 8 if key & 7 == 1 else 4
            out.append((key >> 3, message[at : at + size]))
            at += size
        else:
            raise ValueError(f"wire type {key & 7}")
    return out


def encoded(password) -> str:
    """A password as it travels in a message: base64 of its bytes."""
    return base64.b64encode(password.encode() if isinstance(password, str) else password).decode()


# Requests. Passwords are given as they go on the wire: `encoded(…)`, or what a test wants there.


def create_credential(name, password, description=None) -> bytes:
    return text(2, name) + text(3, password) + text(6, description)


def update_credential(name, old, new, description=None) -> bytes:
    return text(2, name) + text(3, old) + text(4, new) + text(7, description)


def delete_credential(name) -> bytes:
    return text(2, name)


def select_user(name=None, roles=False) -> bytes:
    """name None: no `user` at all, which asks for all users."""
    return (b"" if name is None else text(2, text(1, name) or b"")) + number(3, int(roles))


# Answers


def status(message: bytes) -> dict:
    """common.Status as {error_code, reason, code, retriable, detail}."""
    names = {1: "error_code", 2: "reason", 3: "code", 4: "retriable", 5: "detail"}
    out = {"error_code": 0, "reason": "", "code": 0, "retriable": 0, "detail": ""}
    for field, value in fields(message):
        if field in names:
            out[names[field]] = value.decode() if isinstance(value, bytes) else value
    return out


def first(message: bytes, field: int, absent=b""):
    return next((value for number_, value in fields(message) if number_ == field), absent)


def user_names(message: bytes) -> list:
    """Of a ListCredUsersResponse."""
    return [value.decode() for field, value in fields(message) if field == 2]


def user_results(message: bytes) -> list:
    """Of a SelectUserResponse: [(name, [roles], description)]."""
    out = []
    for field, result in fields(message):
        if field == 2:
            parts = fields(result)
            name = next((first(v, 1).decode() for f, v in parts if f == 1), "")
            roles = [first(v, 1).decode() for f, v in parts if f == 2]
            out.append((name, roles, next((v.decode() for f, v in parts if f == 3), "")))
    return out
