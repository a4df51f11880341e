package sqlite

import (
	"cmp"
	"encoding/binary"
)

// filter answers whether a hash may be in a table: "no" is certain, "yes" is not. It is a
// blocked Bloom filter: each hash sets 8 bits of one 64-byte block, so a question touches
// one cache line. Hashes are random already, so their bits are used as they are. It grows
// by adding blocks of filters, each twice as large, up to its limit.
type filter struct {
	limit  int // bytes, all layers; 0 means 8 MiB
	layers []filterLayer
	full   bool // too many hashes: every answer is "yes"
}

type filterLayer struct {
	blocks []uint64 // 8 words each
	room   int      // hashes that may still be added
}

const (
	firstFilterBytes = 8 << 10
	// At 16 bits a hash about 0.1 % of the answers are a wrong "yes".
	filterBitsPerHash = 16
)

func (f *filter) add(h *[16]byte) {
	if f.full {
		return
	}
	if n := len(f.layers); n == 0 || f.layers[n-1].room == 0 {
		size := firstFilterBytes << n
		if 2*size > cmp.Or(f.limit, 8<<20) {
			f.layers, f.full = nil, true
			return
		}
		f.layers = append(f.layers, filterLayer{blocks: make([]uint64, size/8), room: size * 8 / filterBitsPerHash})
	}
	l := &f.layers[len(f.layers)-1]
	l.room--
	block := l.block(h)
	for i, bits := 0, binary.LittleEndian.Uint64(h[8:]); i < 8; i, bits = i+1, bits>>6 {
		block[i] |= 1 << (bits & 63)
	}
}

func (f *filter) mayHold(h *[16]byte) bool {
	if f.full {
		return true
	}
layers:
	for i := range f.layers {
		block := f.layers[i].block(h)
		for j, bits := 0, binary.LittleEndian.Uint64(h[8:]); j < 8; j, bits = j+1, bits>>6 {
			if block[j]&(1<<(bits&63)) == 0 {
				continue layers
			}
		}
		return true
	}
	return false
}

// block returns the 8 words that a hash falls into.
func (l *filterLayer) block(h *[16]byte) []uint64 {
	n := uint64(len(l.blocks) / 8) // a power of two
	i := binary.LittleEndian.Uint64(h[:8]) & (n - 1) * 8
	return l.blocks[i : i+8 : i+8]
}
