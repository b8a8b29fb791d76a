"""MIT's profile library, by libkrb5: reads from standard input lists of files with colons between, and writes what each has as JSON in a
line, an object of lists of values and objects; or its error, a number.
"""
import ctypes
import json
import sys

lib = ctypes.CDLL("libkrb5.so.3")
strings = ctypes.POINTER(ctypes.c_char_p)
lib.profile_init_path.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
for f in lib.profile_get_values, lib.profile_get_relation_names, lib.profile_get_subsection_names:
    f.argtypes = [ctypes.c_void_p, strings, ctypes.POINTER(strings)]
lib.profile_free_list.argtypes = [strings]
lib.profile_abandon.argtypes = [ctypes.c_void_p]


def ask(get, profile, path):
    names, out = (ctypes.c_char_p * (len(path) + 1))(*path, None), strings()
    if get(profile, names, ctypes.byref(out)):
        return []
    found, n = [], 0
    while out[n] is not None:
        found.append(out[n])
        n += 1
    lib.profile_free_list(out)
    return found


def dump(profile, path):
    node = {}
    for name in ask(lib.profile_get_relation_names, profile, path) if path else []:
        values = ask(lib.profile_get_values, profile, path + [name])
        node["relation " + name.decode("latin-1")] = [v.decode("latin-1") for v in values]
    for name in ask(lib.profile_get_subsection_names, profile, path):
        node["section " + name.decode("latin-1")] = dump(profile, path + [name])
    return node


for line in sys.stdin:
    profile = ctypes.c_void_p()
    code = lib.profile_init_path(line.strip().encode(), ctypes.byref(profile))
    if code:
        print(code, flush=True)
        continue
    print(json.dumps(dump(profile, []), sort_keys=True), flush=True)
    lib.profile_abandon(profile)
