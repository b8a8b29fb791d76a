"""Heimdal's GSS-API as one half of a handshake: what gss_peer.py is for MIT's, with the
same lines. There is no Python module for it, so its functions are called by ctypes.
"""
import base64
import ctypes
import json
import sys


class Buffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]


class OID(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("elements", ctypes.c_void_p)]


class Bindings(ctypes.Structure):
    _fields_ = [
        ("initiator_type", ctypes.c_uint32), ("initiator", Buffer),
        ("acceptor_type", ctypes.c_uint32), ("acceptor", Buffer), ("application", Buffer),
    ]


lib = ctypes.CDLL("libgssapi.so.3")
alive = []  # what the library holds pointers to
by = ctypes.byref
u32 = ctypes.c_uint32


def pointer(data, kind):
    room = ctypes.create_string_buffer(data, len(data))
    made = kind(len(data), ctypes.addressof(room))
    alive.append((room, made))
    return made


def content(buffer):
    return ctypes.string_at(buffer.value, buffer.length) if buffer.length else b""


class Failed(Exception):
    pass


def call(function, *args):
    minor = u32()
    major = getattr(lib, function)(by(minor), *args)
    if major >> 16:
        raise Failed("%s: major %#x, minor %d" % (function, major, minor.value))
    return major


def bindings(text):
    if not text:
        return None
    made = Bindings(application=pointer(bytes.fromhex(text), Buffer))
    alive.append(made)
    return by(made)


def read():
    line = sys.stdin.readline().strip()
    return b"" if line in ("", "-") else base64.b64decode(line)


def write(token):
    print(base64.b64encode(token).decode() if token else "-", flush=True)


krb5 = pointer(bytes.fromhex("2a864886f712010202"), OID)
hostbased = pointer(bytes.fromhex("2a864886f71201020104"), OID)
ctx = ctypes.c_void_p()
flags = u32()
about = {"name": "", "flags": 0, "delegated": "", "lifetime": 0}
role, args = sys.argv[1], sys.argv[2:]
try:
    if role == "accept":
        channel = bindings(args[0])
        name, out = ctypes.c_void_p(), Buffer()
        call("gss_accept_sec_context", by(ctx), None, by(pointer(read(), Buffer)), channel, by(name), None, by(out), by(flags), None, None)
        write(content(out))
        shown = Buffer()
        call("gss_display_name", name, by(shown), None)
        about["name"] = content(shown).decode()
    else:
        channel, name, token = bindings(args[1]), ctypes.c_void_p(), b""
        call("gss_import_name", by(pointer(args[0].encode(), Buffer)), by(hostbased), by(name))
        want = 0x3C | (2 if "mutual" in args[2] else 0) | (1 if "deleg" in args[2] else 0)
        while True:
            out = Buffer()
            given = by(pointer(token, Buffer)) if token else None
            major = call("gss_init_sec_context", None, by(ctx), name, by(krb5), u32(want), u32(0), channel, given, None, by(out), by(flags), None)
            if out.length:
                write(content(out))
            if not major & 1:
                break
            token = read()
    about["flags"] = flags.value
    print(json.dumps(about), flush=True)
    hello, mic = pointer(b"hello", Buffer), Buffer()
    call("gss_get_mic", ctx, u32(0), by(hello), by(mic))
    write(content(mic))
    for seal in (0, 1):
        out, sealed = Buffer(), ctypes.c_int()
        call("gss_wrap", ctx, seal, u32(0), by(hello), by(sealed), by(out))
        write(content(out))
except Failed as e:
    print(json.dumps({"error": str(e)}), flush=True)
    sys.exit(0)
try:
    call("gss_verify_mic", ctx, by(hello), by(pointer(read(), Buffer)), None)
    for seal in (0, 1):
        out, sealed = Buffer(), ctypes.c_int()
        call("gss_unwrap", ctx, by(pointer(read(), Buffer)), by(out), by(sealed), None)
        if content(out) != b"hello" or bool(sealed.value) != bool(seal):
            raise Failed("something else came out")
    print("right", flush=True)
except Failed as e:
    print(str(e), flush=True)
