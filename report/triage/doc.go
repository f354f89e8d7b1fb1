// Package triage collects from a server's image what an investigation looks at
// first, as a compressed tarball in the layout of UAC, which other programs read:
//
//	[root]/...                 the files, at their own paths
//	0_ERRORS.txt               what could not be read or was left out for its size, each with its reason
//	1_TREE.txt                 every name of the server's tree
//	bodyfile/bodyfile.txt      the times of every file, deleted ones included
//	clamav/clamav.txt          what clamd said, if it was asked
//	collection.json            what was collected from where, with which options
//	hash_executables/          hashes of every program, in the form of sha256sum and its kin
//	manifest.jsonl             each collected file with its metadata, its SHA-256 and its place on the image
//	rootkits/rootkits.txt      traces of rootkits, if they were looked for
//	uac.log                    by which readers know the layout
//
// What is collected is what the extractors of [deadbox/timeline/artifact] read, so
// that collecting and analysing cannot drift apart, and what [Groups] lists besides.
//
// The same image and the same options give the same bytes: members are sorted,
// nothing holds the time of the collection.
package triage
