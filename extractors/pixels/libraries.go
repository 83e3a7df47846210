package pixels

import (
	"errors"
	"runtime"
)

// Libraries names the shared libraries of class exact. An empty field means the usual
// names, found by the system's loader (and in Homebrew's folders on macOS).
type Libraries struct {
	TurboJPEG string // file of libturbojpeg, 2.1 or newer
	WebP      string // file of libwebp, 1.0 or newer
}

// ErrLibrary says that class exact cannot be had because a shared library is missing,
// lacks a function or decodes differently.
var ErrLibrary = errors.New("pixels: shared library not usable")

type library struct {
	name, field string
	names       []string
	install     string
}

func turboJPEG() library {
	l := library{name: "TurboJPEG", field: "TurboJPEG"}
	if runtime.GOOS == "darwin" {
		l.names = homebrew("jpeg-turbo", "libturbojpeg.0.dylib", "libturbojpeg.dylib")
		l.install = "install it with `brew install jpeg-turbo`"
		return l
	}
	l.names = []string{"libturbojpeg.so.0", "libturbojpeg.so"}
	l.install = "install it with `apt-get install libturbojpeg0` (Debian), `apt-get install libturbojpeg` (Ubuntu), `dnf install turbojpeg` (Fedora) or `apk add libturbojpeg` (Alpine)"
	return l
}

func libWebP() library {
	l := library{name: "libwebp", field: "WebP"}
	if runtime.GOOS == "darwin" {
		l.names = homebrew("webp", "libwebp.7.dylib", "libwebp.dylib")
		l.install = "install it with `brew install webp`"
		return l
	}
	l.names = []string{"libwebp.so.7", "libwebp.so"}
	l.install = "install it with `apt-get install libwebp7` (Debian, Ubuntu), `dnf install libwebp` (Fedora) or `apk add libwebp` (Alpine)"
	return l
}

// homebrew lists where a formula's libraries lie: the loader does not look there itself.
func homebrew(formula string, files ...string) []string {
	names := append([]string(nil), files...)
	for _, prefix := range []string{"/opt/homebrew", "/usr/local"} {
		for _, f := range files {
			names = append(names, prefix+"/opt/"+formula+"/lib/"+f, prefix+"/lib/"+f)
		}
	}
	return names
}
