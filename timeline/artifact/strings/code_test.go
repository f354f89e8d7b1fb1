package elfstrings

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCode(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	line := `<?php /* inert */ if (isset($_REQUEST["c"])) { echo "no"; } ?>`
	picture := append([]byte("\xff\xd8\xff\xe0"), noise(codePiece-30)...)
	picture = append(append(append(picture, 0), line...), 0) // over the end of a piece
	picture = append(picture, noise(3<<20)...)
	got, err := Code(bytes.NewReader(picture), int64(len(picture)))
	if err != nil || len(got) != 1 || !strings.Contains(got[0].Text, `$_REQUEST["c"]`) {
		t.Fatalf("a picture with PHP: %+v, %v", got, err)
	}
	if at := got[0].Offset; !bytes.HasPrefix(picture[at:], []byte(got[0].Text[:5])) {
		t.Errorf("offset %d leads to %q", at, picture[at:at+8])
	}
	plain := append([]byte("GIF89a"), noise(24<<20)...)
	if got, _ := Code(bytes.NewReader(plain), int64(len(plain))); len(got) != 0 {
		t.Errorf("a picture without PHP: %+v", got)
	}
	script := "<?php\n" + strings.Repeat("// a comment that says nothing\n", 5000) + "$x = @eval($_POST['x']);\n\n"
	got, err = Code(strings.NewReader(script), int64(len(script)))
	if err != nil || len(got) != 2 || got[1].Text != "$x = @eval($_POST['x']);" {
		t.Errorf("a script: %+v, %v", got, err)
	}
	if _, err := Code(strings.NewReader(script), int64(len(script))+10); err == nil {
		t.Error("a file that is shorter than it says is no error")
	}
}

func FuzzCode(f *testing.F) {
	f.Add([]byte("<?php eval($_GET[1]);"))
	f.Add([]byte("\xff\xd8\xff<?=`$_GET[0]`?>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Code(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			if s.Offset < 0 || s.Offset > int64(len(b)) || len(s.Text) > codeBefore+codeAfter+64 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
