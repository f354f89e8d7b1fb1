package artifact

import (
	"deadbox/timeline"
	"deadbox/timeline/artifact/authorizedkeys"
)

// keyring knows the keys that may log in, by their fingerprints, so that a line of
// a log that has no more than a fingerprint is led back to the key and to its owner.
type keyring map[string][]knownKey

type knownKey struct{ account, comment, path string }

// learn takes a record of a key.
func (k keyring) learn(r *timeline.Record) {
	key := knownKey{r.Fields["account"], r.Fields["comment"], r.Evidence.Path}
	for _, name := range [...]string{"fingerprint", "fingerprint_md5"} {
		if print := r.Fields[name]; print != "" {
			k[print] = append(k[print], key)
		}
	}
}

// apply says in a record with a fingerprint which key it is of: key_comment and
// key_path. A key that several accounts have is that of the record's account, if it has it.
func (k keyring) apply(r *timeline.Record) {
	print := r.Fields["fingerprint"]
	keys := k[print]
	if len(keys) == 0 && print != "" {
		keys = k[r.Fields["ca_fingerprint"]] // of a certificate: the key that signed it
	}
	if len(keys) == 0 {
		return
	}
	best := keys[0]
	for _, key := range keys {
		if key.account == r.Fields["account"] {
			best = key
			break
		}
	}
	if best.comment != "" {
		r.Fields["key_comment"] = best.comment
	}
	r.Fields["key_path"] = best.path
}

// wantsKeys tells whether keys have to be looked for before the records of a
// list of extractors can be made: it has some, and not that of the keys.
func wantsKeys(list []*timeline.Extractor) bool {
	for _, e := range list {
		if e == &authorizedkeys.Extractor {
			return false
		}
	}
	for _, e := range list {
		switch e.Name {
		case "auth-log", "syslog", "syslog-other", "journald":
			return true
		}
	}
	return false
}
