package train

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"weft/fusion/dataset"
	"weft/onnx/onnxtest"
)

func zzLoad(t *testing.T) *dataset.Dataset {
	var o dataset.Options
	if os.Getenv("ZZ") == "shop" {
		o = dataset.Options{Dir: "/tmp/shop", Modalities: []dataset.NamedFile{{Name: "text", Path: "/tmp/shop/text.npy"}, {Name: "price", Path: "/tmp/shop/price.csv"}}}
	} else {
		o = dataset.Options{Dir: "/tmp/tiktok", Modalities: []dataset.NamedFile{{Name: "image", Path: "/tmp/tiktok/image_feat.npy"}, {Name: "audio", Path: "/tmp/tiktok/audio_feat.npy"}}}
	}
	if os.Getenv("ZZBARE") != "" {
		o.Modalities = nil
	}
	d, r, err := dataset.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%+v\n", r)
	return d
}

func TestZZ(t *testing.T) {
	d := zzLoad(t)
	o := onnxtest.Open(t)
	c := Config{Seed: 1}
	if s := os.Getenv("ZZSEED"); s != "" {
		c.Seed, _ = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("ZZFULL"); s != "" {
		c.FullSoftmax, _ = strconv.Atoi(s)
	}
	sum, err := Train(context.Background(), Options{Runtime: o, Data: d, Config: c, Out: os.Getenv("ZZOUT"), Resume: os.Getenv("ZZRESUME") != "", Watch: Watch{
		Stage: func(s string) { fmt.Println(time.Now().Format("05.0"), s) }, Epoch: func(e Epoch) { fmt.Printf("%+v\n", e) }}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.MarshalIndent(sum.Choice, "", " ")
	fmt.Println(string(b), sum.Composed, sum.Seconds)

}
