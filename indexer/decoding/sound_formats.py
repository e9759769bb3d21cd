"""Which sound formats are read, and how each is recognised: by its first bytes, whatever the file is called."""

# fmt: off
SOUND_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
})
# fmt: on
_MAGIC = (b"fLaC", b"OggS", b"ID3", b".snd", b"caff")
_CONTAINERS = {
    b"RIFF": {b"WAVE"},
    b"RIFX": {b"WAVE"},
    b"RF64": {b"WAVE"},
    b"FORM": {b"AIFF", b"AIFC"},
}
# An MPEG frame without a tag before it: eleven set bits, any version, layer III.
_MP3_MASK, _MP3_BITS = 0xFFE6, 0xFFE2


def is_sound(head: bytes) -> bool:
    """Tell a sound by its first 12 bytes or more: WAV, FLAC, Ogg, MP3, AIFF, AU or CAF."""
    if head.startswith(_MAGIC) or head[8:12] in _CONTAINERS.get(head[:4], ()):
        return True
    return len(head) >= 2 and int.from_bytes(head[:2], "big") & _MP3_MASK == _MP3_BITS
