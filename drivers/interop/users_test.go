package interop

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
)

// The peers' user files are made with the standard library alone, so that they
// do not share an error with what is tested.

type account struct{ name, password string }

// accounts are the users for tests in which names and passwords are hashed: plain, not
// ASCII, and with characters that must be escaped.
var accounts = []account{
	{alice, password},
	{"jäsøn", "pässwörd"},
	{`q"uo\te`, password},
}

func sum(h hash.Hash, text string) string {
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// algorithms are Digest's by the name that the peers have for them.
var algorithms = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256,
}

// htdigest is a file of all accounts, a line for each algorithm. With hashes, a
// fourth field has the hash of the name (lighttpd's userhash).
func htdigest(hashes bool, algs ...string) []byte { return htdigestFor(realm, hashes, algs...) }

// htdigestIn is a file with MD5 for another realm.
func htdigestIn(realm string) []byte { return htdigestFor(realm, false, "MD5") }

func htdigestFor(realm string, hashes bool, algs ...string) []byte {
	var file []byte
	for _, a := range accounts {
		for _, alg := range algs {
			h := algorithms[alg]
			line := a.name + ":" + realm + ":" + sum(h(), a.name+":"+realm+":"+a.password)
			if hashes {
				line += ":" + sum(h(), a.name+":"+realm)
			}
			file = append(file, line+"\n"...)
		}
	}
	return file
}

// htpasswd is a line for alice with the one kind of hash that Apache takes and that
// needs no library.
func htpasswd() []byte { return htpasswdOf(alice) }

func htpasswdOf(user string) []byte {
	h := sha1.Sum([]byte(password))
	return []byte(user + ":{SHA}" + base64.StdEncoding.EncodeToString(h[:]) + "\n")
}
