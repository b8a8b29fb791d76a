package gss

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"

	"github.com/countersign-auth/countersign/internal/der"
)

// endPointPrefix is the unique prefix of the channel binding type (RFC 5929
// section 4.2), with the colon of RFC 5056 section 2.1.
const endPointPrefix = "tls-server-end-point:"

// maxCertificate bounds the certificates that [EndPoint] looks at, in bytes:
// more than crypto/tls takes for a whole chain.
const maxCertificate = 1 << 18

// EndPoint returns the tls-server-end-point channel binding (RFC 5929 section 4.1) for
// the server's own certificate, the first one of its Certificate message, in DER as it
// was sent. It is the binding of HTTP on every version of TLS.
//
// The hash is the one of the certificate's signatureAlgorithm, SHA-256 in place
// of MD5 and SHA-1. Where the RFC defines none the binding is unavailable, not
// none: the signature uses no hash of its own (Ed25519, Ed448, ML-DSA)
// or several (RSA-PSS with another hash in its mask), its algorithm is unknown, or der
// is no certificate. Any bytes may be given. Only the outer structure is read; verifying
// the certificate is left to TLS. EndPoint hashes all of der, so that a caller with many
// requests should keep the result.
func EndPoint(der string) Binding {
	if len(der) > maxCertificate {
		return Binding{}
	}
	sum := signatureHash(der).sum(der)
	if sum == "" {
		return Binding{}
	}
	return BindingOf(endPointPrefix + sum)
}

// hash is a hash function of a signature algorithm. The zero hash is not usable.
type hash uint8

const (
	noHash  hash = iota
	weakMD5      // MD5 and SHA-1 are replaced by SHA-256
	weakSHA1
	sha2_224
	sha2_256
	sha2_384
	sha2_512
	sha2_512_224
	sha2_512_256
	sha3_224
	sha3_256
	sha3_384
	sha3_512
)

// sum returns the hash of data, "" where that is undefined.
func (h hash) sum(data string) string {
	b := []byte(data)
	switch h {
	case weakMD5, weakSHA1, sha2_256:
		s := sha256.Sum256(b)
		return string(s[:])
	case sha2_224: // neither MD5 nor SHA-1, so it stays itself
		s := sha256.Sum224(b)
		return string(s[:])
	case sha2_384:
		s := sha512.Sum384(b)
		return string(s[:])
	case sha2_512:
		s := sha512.Sum512(b)
		return string(s[:])
	case sha2_512_224:
		s := sha512.Sum512_224(b)
		return string(s[:])
	case sha2_512_256:
		s := sha512.Sum512_256(b)
		return string(s[:])
	case sha3_224:
		s := sha3.Sum224(b)
		return string(s[:])
	case sha3_256:
		s := sha3.Sum256(b)
		return string(s[:])
	case sha3_384:
		s := sha3.Sum384(b)
		return string(s[:])
	case sha3_512:
		s := sha3.Sum512(b)
		return string(s[:])
	}
	return ""
}

// The object identifiers, as the contents octets of their DER encoding.
const (
	oidRSA    = "\x2a\x86\x48\x86\xf7\x0d\x01\x01" // 1.2.840.113549.1.1, RFC 8017
	oidPSS    = oidRSA + "\x0a"
	oidMGF1   = oidRSA + "\x08"
	oidDigest = "\x2a\x86\x48\x86\xf7\x0d\x02" // 1.2.840.113549.2
	oidOIW    = "\x2b\x0e\x03\x02"             // 1.3.14.3.2
	oidECDSA  = "\x2a\x86\x48\xce\x3d\x04"     // 1.2.840.10045.4, RFC 5758
	oidDSA    = "\x2a\x86\x48\xce\x38\x04"     // 1.2.840.10040.4, RFC 3279
	oidNIST   = "\x60\x86\x48\x01\x65\x03\x04" // 2.16.840.1.101.3.4
	oidHash   = oidNIST + "\x02"
	oidSign   = oidNIST + "\x03"
)

// signatures lists the hash of each signature algorithm that implies one. RSA-PSS names
// it in its parameters.
var signatures = [...]struct {
	oid  string
	hash hash
}{
	{oidRSA + "\x0b", sha2_256},
	{oidECDSA + "\x03\x02", sha2_256},
	{oidECDSA + "\x03\x03", sha2_384},
	{oidECDSA + "\x03\x04", sha2_512},
	{oidRSA + "\x0c", sha2_384},
	{oidRSA + "\x0d", sha2_512},
	{oidRSA + "\x05", weakSHA1},
	{oidRSA + "\x04", weakMD5},
	{oidRSA + "\x0e", sha2_224},
	{oidRSA + "\x0f", sha2_512_224},
	{oidRSA + "\x10", sha2_512_256},
	{oidECDSA + "\x01", weakSHA1},
	{oidECDSA + "\x03\x01", sha2_224},
	{oidDSA + "\x03", weakSHA1},
	{oidSign + "\x01", sha2_224}, // DSA
	{oidSign + "\x02", sha2_256},
	{oidSign + "\x03", sha2_384},
	{oidSign + "\x04", sha2_512},
	{oidSign + "\x05", sha3_224}, // DSA
	{oidSign + "\x06", sha3_256},
	{oidSign + "\x07", sha3_384},
	{oidSign + "\x08", sha3_512},
	{oidSign + "\x09", sha3_224}, // ECDSA
	{oidSign + "\x0a", sha3_256},
	{oidSign + "\x0b", sha3_384},
	{oidSign + "\x0c", sha3_512},
	{oidSign + "\x0d", sha3_224}, // RSA
	{oidSign + "\x0e", sha3_256},
	{oidSign + "\x0f", sha3_384},
	{oidSign + "\x10", sha3_512},
	{oidOIW + "\x03", weakMD5},  // the old names of RSA with MD5,
	{oidOIW + "\x1b", weakSHA1}, // DSA with SHA-1
	{oidOIW + "\x1d", weakSHA1}, // and RSA with SHA-1
}

// digests are the hash functions by themselves, for RSA-PSS.
var digests = [...]struct {
	oid  string
	hash hash
}{
	{oidHash + "\x01", sha2_256},
	{oidHash + "\x02", sha2_384},
	{oidHash + "\x03", sha2_512},
	{oidHash + "\x04", sha2_224},
	{oidHash + "\x05", sha2_512_224},
	{oidHash + "\x06", sha2_512_256},
	{oidHash + "\x07", sha3_224},
	{oidHash + "\x08", sha3_256},
	{oidHash + "\x09", sha3_384},
	{oidHash + "\x0a", sha3_512},
	{oidOIW + "\x1a", weakSHA1},
	{oidDigest + "\x05", weakMD5},
}

// signatureHash returns the hash of a certificate's signatureAlgorithm (HTA-19: noHash is
// unavailable).
//
//	Certificate ::= SEQUENCE {                       RFC 5280 section 4.1
//	    tbsCertificate      SEQUENCE { … },
//	    signatureAlgorithm  AlgorithmIdentifier,
//	    signatureValue      BIT STRING }
func signatureHash(cert string) hash {
	certificate, rest, ok := der.Next(cert, der.Sequence)
	if !ok || rest != "" {
		return noHash
	}
	_, certificate, ok = der.Next(certificate, der.Sequence)
	if !ok {
		return noHash
	}
	oid, parameters, certificate, ok := algorithm(certificate)
	if !ok {
		return noHash
	}
	if _, rest, ok = der.Next(certificate, der.BitString); !ok || rest != "" {
		return noHash
	}
	if oid == oidPSS {
		return pssHash(parameters)
	}
	for i := range signatures { // by index: a range over the values copies the table
		if signatures[i].oid == oid {
			return signatures[i].hash
		}
	}
	return noHash
}

// pssHash reads the parameters of RSA-PSS. The mask uses a hash, too; a signature has a
// single one only where both are the same.
//
//	RSASSA-PSS-params ::= SEQUENCE {                 RFC 4055 section 3.1
//	    hashAlgorithm     [0] AlgorithmIdentifier DEFAULT sha1,
//	    maskGenAlgorithm  [1] AlgorithmIdentifier DEFAULT mgf1SHA1,
//	    saltLength        [2] INTEGER DEFAULT 20,
//	    trailerField      [3] INTEGER DEFAULT 1 }
func pssHash(parameters string) hash {
	p, rest, ok := der.Next(parameters, der.Sequence)
	if !ok || rest != "" {
		return noHash // they must be present, RFC 4055 section 3.1
	}
	digest, mask := weakSHA1, weakSHA1
	if field, after, there := der.Next(p, der.Context); there {
		if digest = digestHash(field); digest == noHash {
			return noHash
		}
		p = after
	}
	if field, after, there := der.Next(p, der.Context+1); there {
		oid, of, rest, ok := algorithm(field)
		if !ok || rest != "" || oid != oidMGF1 {
			return noHash
		}
		mask = digestHash(of)
		p = after
	}
	for tag := byte(der.Context + 2); tag <= der.Context+3; tag++ {
		if field, after, there := der.Next(p, tag); there {
			if _, rest, ok := der.Next(field, der.Integer); !ok || rest != "" {
				return noHash
			}
			p = after
		}
	}
	if p != "" || digest != mask {
		return noHash
	}
	return digest
}

// digestHash reads an AlgorithmIdentifier that names a hash function.
func digestHash(s string) hash {
	oid, parameters, rest, ok := algorithm(s)
	if !ok || rest != "" || parameters != "" && parameters != "\x05\x00" {
		return noHash
	}
	for i := range digests {
		if digests[i].oid == oid {
			return digests[i].hash
		}
	}
	return noHash
}

// algorithm reads an AlgorithmIdentifier off the front of s.
//
//	AlgorithmIdentifier ::= SEQUENCE {               RFC 5280 section 4.1.1.2
//	    algorithm   OBJECT IDENTIFIER,
//	    parameters  ANY DEFINED BY algorithm OPTIONAL }
func algorithm(s string) (oid, parameters, rest string, ok bool) {
	s, rest, ok = der.Next(s, der.Sequence)
	if !ok {
		return "", "", "", false
	}
	oid, parameters, ok = der.Next(s, der.OID)
	return oid, parameters, rest, ok
}
