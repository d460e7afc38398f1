"""Writes eda.json: what the free method `eda` makes of some rows, worked out by this script alone.

    python3 tests/oracle/make_eda.py > tests/oracle/eda.json        (Python 3.11, standard library)

The counter-based random numbers are written here a second time, from base/rng.h's definition: Philox4x32-10 (Salmon et al., SC 2011) under a
key made of the first 8 bytes of a name's SHA-256; the counter is (block, stream). The operations are those of Wei and Zou (2019) as
gen/pool/method_eda.c says it does them.
"""
import hashlib
import json
import string

M32 = 0xFFFFFFFF


def philox(counter, key):
    x, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(p1 >> 32) ^ x[1] ^ k[0], p1 & M32, (p0 >> 32) ^ x[3] ^ k[1], p0 & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return x


class Stream:
    def __init__(self, name, stream):
        self.seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self.stream, self.block, self.words = stream, 0, []

    def u32(self):
        if not self.words:
            self.words = philox([self.block & M32, self.block >> 32, self.stream & M32, self.stream >> 32],
                                [self.seed & M32, self.seed >> 32])
            self.block += 1
        return self.words.pop(0)

    def u64(self):
        high = self.u32()
        return high << 32 | self.u32()

    def uniform(self):
        return (self.u64() >> 11) * 2.0 ** -53

    def below(self, n):
        while True:
            x = self.u64()
            if x >= 2 ** 64 % n:
                return x % n


def core(word):
    stripped = word.strip(string.punctuation)
    return stripped or word


def around(word, new):
    at = word.index(core(word))
    return word[:at] + new + word[at + len(core(word)):]


def split(text):
    return [w for w in "".join(c if c not in "\t\n\r\f\v" else " " for c in text).split(" ") if w]


def vocabulary(texts):
    words = []
    for t in texts:
        for w in split(t):
            if core(w) not in words:
                words.append(core(w))
    return words


def change(text, words, alpha, r):
    s = split(text)
    if not s:
        return ""
    n = max(1, int(alpha * len(s)))
    operation = r.below(4)
    if operation == 0:
        place = list(range(len(s)))
        for i in range(n):
            j = i + r.below(len(s) - i)
            place[i], place[j] = place[j], place[i]
            s[place[i]] = around(s[place[i]], words[r.below(len(words))])
    elif operation == 1:
        for _ in range(n):
            w = words[r.below(len(words))]
            s.insert(r.below(len(s) + 1), w)
    elif operation == 2:
        for _ in range(n if len(s) > 1 else 0):
            a, b = r.below(len(s)), r.below(len(s) - 1)
            b += b >= a
            s[a], s[b] = s[b], s[a]
    else:
        left = [w for w in s if r.uniform() >= alpha]
        s = left or [s[r.below(len(s))]]
    return " ".join(s)


def folded(text):
    return "".join(c if c.isalnum() else " " for c in text.casefold()).split()


def draws(task, classes, rows, raw_draw, seed, n_draws):
    alpha = 0.05 if len(rows) < 5000 else 0.1
    out = []
    for k in classes:
        own = [r for r in rows if r[2] == k]
        words = [vocabulary([r[side] for r in own if r[side] is not None]) for side in (0, 1)]
        for d in range(n_draws if own else 0):
            row = own[d % len(own)]
            r = Stream(f"make task {task} method eda raw {raw_draw} seed {seed} class {k}", d)
            side = r.below(2) if row[1] is not None else 0
            text = change(row[side], words[side], alpha, r)
            reason = "empty" if not text else "echo" if folded(text) == folded(row[side]) else "accepted"
            pair = [row[0], row[1]]
            pair[side] = text
            out.append([k, d, reason, pair[0], pair[1]])
    return out


LONG = ("It was -- and I say so gladly -- one of the few evenings this year on which nobody in the (half-empty) house looked at a watch, "
        "because the plot kept moving, the jokes landed, the music was right and the two leads, both of them newcomers, played as if "
        "they had done nothing else for twenty years; go and see it before it is gone.")
SINGLE = [
    ["A warm, funny film about two brothers.", None, "good"],
    ["The worst two hours of my year!", None, "bad"],
    [LONG, None, "good"],
    ["Dull.", None, "bad"],
    ["\tTrès  beau,\nnever   dull ", None, "good"],
    ["Nothing works here: not the plot, not the cast, not the score.", None, "bad"],
    ["...", None, "bad"],
]
PAIRS = [
    ["A man plays a guitar on a stage.", "Somebody makes music.", "yes"],
    ["Two dogs run over a field, and a third one watches them from the gate.", "The dogs are asleep.", "no"],
    ["The shop closed in 1999.", "The shop is closed now, and has been for long.", "yes"],
    ["Nobody came.", "", "no"],
]

if __name__ == "__main__":
    sets = []
    for task, classes, rows, raw_draw, seed in [("mood", ["bad", "good", "none"], SINGLE, 0, 0), ("mood", ["bad", "good", "none"], SINGLE, 1, 2),
                                                ("holds", ["yes", "no"], PAIRS, 0, 0)]:
        sets.append({"task": task, "classes": classes, "rows": rows, "raw_draw": raw_draw, "seed": seed,
                     "draws": draws(task, classes, rows, raw_draw, seed, 40)})
    print(json.dumps(sets, indent=0, ensure_ascii=False))
