using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SealService.Merkle;

/// <summary>
/// The SHA-256 compression function (FIPS 180-4 section 6.2.2) over sixteen messages side by side, one in each 32-bit lane of AVX-512
/// registers. On Zen 4 a block costs 19 ns, where the SHA instructions behind libcrypto, bound by their latency, take 37 ns.
/// </summary>
internal static unsafe class Sha256Lanes
{
    /// <summary>Messages side by side.</summary>
    public const int Count = 16;

    /// <summary>Bytes that one step takes of each message.</summary>
    public const int BlockBytes = 64;

    /// <summary>The length of a message in bits stands in the last bytes of its last block.</summary>
    public const int LengthBytes = 8;

    /// <summary>
    /// One step of all lanes takes as long as this many blocks in libcrypto, whether all lanes are used or one: below it, messages are
    /// better hashed one after another (<c>Sha256LaneBenchmarks</c>).
    /// </summary>
    public const int StepCostInBlocks = 9;

    private const uint AllLanes = (1u << Count) - 1;
    private const int StateWords = 8;
    private const int BlockWords = 16;
    private const int Rounds = 64;
    private const int RoundsPerTurn = StateWords;

    // A vector is a cache line: on two of them each access costs twice. So there is one more, to begin at a line.
    private const int ScheduleBytes = (Rounds + 1) * Count * sizeof(uint);

    /// <summary>Whether this processor has what it takes.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.IsSupported;

    /// <summary>A block of zeros, for lanes without a message.</summary>
    public static byte* IdleBlock { get; } = AllocateZeros(BlockBytes);

    private static ReadOnlySpan<uint> InitialState =>
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    private static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>The number of blocks of a message of so many bytes, with its padding.</summary>
    public static long BlocksOf(long messageBytes) => ((messageBytes + LengthBytes) / BlockBytes) + 1;

    /// <summary>Writes a message's length, in bits, to the end of its last block.</summary>
    public static void WriteLength(byte* lastBlock, long messageBytes) =>
        *(ulong*)(lastBlock + BlockBytes - LengthBytes) = BinaryPrimitives.ReverseEndianness((ulong)messageBytes * 8);

    /// <summary>The state of sixteen hashes: word i of all of them, one after another, in <c>Words[16 * i]</c> on.</summary>
    public struct State
    {
        public fixed uint Words[StateWords * Count];
    }

    /// <summary>Begins sixteen hashes.</summary>
    public static void Begin(State* state)
    {
        for (int word = 0; word < StateWords; word++)
        {
            Vector512.Create(InitialState[word]).Store(&state->Words[word * Count]);
        }
    }

    /// <summary>The hashes of the lanes that have taken their last block in.</summary>
    /// <param name="state">Sixteen hashes.</param>
    /// <param name="lanes">A bit for each: bit i is lane i.</param>
    /// <param name="hashes">That of lane i goes to <c>hashes[i]</c>.</param>
    [SkipLocalsInit]
    public static void Read(State* state, uint lanes, Span<MerkleHash> hashes)
    {
        if (lanes == AllLanes && hashes.Length >= Count)
        {
            fixed (MerkleHash* all = hashes)
            {
                ReadAll(state, all);
            }
        }
        else if (lanes != 0)
        {
            MerkleHash* all = stackalloc MerkleHash[Count];
            ReadAll(state, all);
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int lane = BitOperations.TrailingZeroCount(lanes);
                hashes[lane] = all[lane];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ReadAll(State* state, MerkleHash* hashes)
    {
        Vector512<uint>* words = (Vector512<uint>*)state->Words;
        for (int half = 0; half < 2; half++)
        {
            // In the 128-bit part p of lanes[j]: four words of lane 4p + j.
            Vector512<uint>* w = words + (4 * half);
            Vector512<ulong> low01 = Avx512F.UnpackLow(w[0], w[1]).AsUInt64(), high01 = Avx512F.UnpackHigh(w[0], w[1]).AsUInt64();
            Vector512<ulong> low23 = Avx512F.UnpackLow(w[2], w[3]).AsUInt64(), high23 = Avx512F.UnpackHigh(w[2], w[3]).AsUInt64();
            StoreParts(Avx512F.UnpackLow(low01, low23), hashes, half);
            StoreParts(Avx512F.UnpackHigh(low01, low23), hashes + 1, half);
            StoreParts(Avx512F.UnpackLow(high01, high23), hashes + 2, half);
            StoreParts(Avx512F.UnpackHigh(high01, high23), hashes + 3, half);
        }
    }

    /// <summary>Takes the same number of blocks of each message in.</summary>
    /// <param name="state">Sixteen hashes.</param>
    /// <param name="blocks">Sixteen pointers to 64 bytes each; moved.</param>
    /// <param name="strides">For each pointer the bytes from block to block.</param>
    /// <param name="steps">How many blocks; at least 1.</param>
    public static void Compress(State* state, byte** blocks, long* strides, long steps)
    {
        Compress(state, blocks);
        while (--steps > 0)
        {
            for (int lane = 0; lane < Count; lane++)
            {
                // Sixteen messages are more than the processor's own prefetching follows. A block lies on two cache lines, so what the next
                // one needs is the line two blocks ahead. Past the end it does nothing.
                blocks[lane] += strides[lane];
                Sse.Prefetch0(blocks[lane] + (2 * BlockBytes));
            }

            Compress(state, blocks);
        }
    }

    /// <summary>Takes one block of each message in.</summary>
    /// <param name="state">Sixteen hashes.</param>
    /// <param name="blocks">Sixteen pointers to 64 bytes each.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compress(State* state, byte** blocks)
    {
        byte* memory = stackalloc byte[ScheduleBytes];
        Vector512<uint>* schedule = Align(memory);
        Transpose(blocks, schedule);
        RunRounds(state, schedule);
    }

    /// <summary>SHA-256 of sixteen messages of 65 bytes, which are a first byte and 64 that lie side by side with those of the others.</summary>
    /// <param name="first">The first byte of all of them.</param>
    /// <param name="rest">Sixteen times 64 bytes.</param>
    /// <param name="hashes">Room for sixteen.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void HashAfter(byte first, byte* rest, MerkleHash* hashes)
    {
        const uint afterLastByte = 0x00800000; // FIPS 180-4 section 5.1.1
        byte** blocks = stackalloc byte*[Count];
        for (int lane = 0; lane < Count; lane++)
        {
            blocks[lane] = rest + (lane * BlockBytes);
        }

        State state;
        Begin(&state);
        byte* memory = stackalloc byte[ScheduleBytes];
        Vector512<uint>* words = Align(memory);
        Transpose(blocks, words);

        // The first byte moves all others by one, of which the last comes into the second block.
        Vector512<uint> second = (words[BlockWords - 1] << 24) | Vector512.Create(afterLastByte);
        for (int word = BlockWords - 1; word > 0; word--)
        {
            words[word] = (words[word - 1] << 24) | (words[word] >> 8);
        }

        words[0] = Vector512.Create((uint)first << 24) | (words[0] >> 8);
        RunRounds(&state, words);

        words[0] = second;
        for (int word = 1; word < BlockWords - 1; word++)
        {
            words[word] = Vector512<uint>.Zero;
        }

        words[BlockWords - 1] = Vector512.Create((uint)(1 + BlockBytes) * 8);
        RunRounds(&state, words);
        ReadAll(&state, hashes);
    }

    // Takes a block in whose words stand at the beginning of the schedule.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // it would be compiled in the middle of its first loop
    private static void RunRounds(State* state, Vector512<uint>* schedule)
    {
        Vector512<uint>* words = (Vector512<uint>*)state->Words;
        Vector512<uint> a = words[0], b = words[1], c = words[2], d = words[3];
        Vector512<uint> e = words[4], f = words[5], g = words[6], h = words[7];
        fixed (uint* constants = RoundConstants)
        {
            // Eight rounds a turn, after which each name has its own value again.
            Vector512<uint>* w = schedule;
            uint* k = constants;
            for (; w < schedule + BlockWords; w += RoundsPerTurn, k += RoundsPerTurn)
            {
                Round(a, b, c, ref d, e, f, g, ref h, w[0] + Vector512.Create(k[0]));
                Round(h, a, b, ref c, d, e, f, ref g, w[1] + Vector512.Create(k[1]));
                Round(g, h, a, ref b, c, d, e, ref f, w[2] + Vector512.Create(k[2]));
                Round(f, g, h, ref a, b, c, d, ref e, w[3] + Vector512.Create(k[3]));
                Round(e, f, g, ref h, a, b, c, ref d, w[4] + Vector512.Create(k[4]));
                Round(d, e, f, ref g, h, a, b, ref c, w[5] + Vector512.Create(k[5]));
                Round(c, d, e, ref f, g, h, a, ref b, w[6] + Vector512.Create(k[6]));
                Round(b, c, d, ref e, f, g, h, ref a, w[7] + Vector512.Create(k[7]));
            }

            for (; w < schedule + Rounds; w += RoundsPerTurn, k += RoundsPerTurn)
            {
                Round(a, b, c, ref d, e, f, g, ref h, Extend(w + 0) + Vector512.Create(k[0]));
                Round(h, a, b, ref c, d, e, f, ref g, Extend(w + 1) + Vector512.Create(k[1]));
                Round(g, h, a, ref b, c, d, e, ref f, Extend(w + 2) + Vector512.Create(k[2]));
                Round(f, g, h, ref a, b, c, d, ref e, Extend(w + 3) + Vector512.Create(k[3]));
                Round(e, f, g, ref h, a, b, c, ref d, Extend(w + 4) + Vector512.Create(k[4]));
                Round(d, e, f, ref g, h, a, b, ref c, Extend(w + 5) + Vector512.Create(k[5]));
                Round(c, d, e, ref f, g, h, a, ref b, Extend(w + 6) + Vector512.Create(k[6]));
                Round(b, c, d, ref e, f, g, h, ref a, Extend(w + 7) + Vector512.Create(k[7]));
            }
        }

        words[0] += a;
        words[1] += b;
        words[2] += c;
        words[3] += d;
        words[4] += e;
        words[5] += f;
        words[6] += g;
        words[7] += h;
    }

    // The next word of the schedule, which stays there for later ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Extend(Vector512<uint>* w) => *w = w[-16] + SmallSigma0(w[-15]) + w[-7] + SmallSigma1(w[-2]);

    // One round; the caller turns the names instead of the values.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, ref Vector512<uint> d,
        Vector512<uint> e, Vector512<uint> f, Vector512<uint> g, ref Vector512<uint> h, Vector512<uint> wk)
    {
        const byte choose = 0xCA;
        const byte majority = 0xE8;
        Vector512<uint> t = h + wk + BigSigma1(e) + Avx512F.TernaryLogic(e, f, g, choose);
        d += t;
        h = t + BigSigma0(a) + Avx512F.TernaryLogic(a, b, c, majority);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> BigSigma0(Vector512<uint> x) =>
        Xor(Avx512F.RotateRight(x, 2), Avx512F.RotateRight(x, 13), Avx512F.RotateRight(x, 22));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> BigSigma1(Vector512<uint> x) =>
        Xor(Avx512F.RotateRight(x, 6), Avx512F.RotateRight(x, 11), Avx512F.RotateRight(x, 25));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> SmallSigma0(Vector512<uint> x) =>
        Xor(Avx512F.RotateRight(x, 7), Avx512F.RotateRight(x, 18), Avx512F.ShiftRightLogical(x, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> SmallSigma1(Vector512<uint> x) =>
        Xor(Avx512F.RotateRight(x, 17), Avx512F.RotateRight(x, 19), Avx512F.ShiftRightLogical(x, 10));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Xor(Vector512<uint> x, Vector512<uint> y, Vector512<uint> z) => Avx512F.TernaryLogic(x, y, z, 0x96);

    /// <summary>
    /// Word t of every block to <c>words[t]</c>, from big-endian: four rows at a time within their 128-bit parts, then the parts among
    /// themselves.
    /// </summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(byte** blocks, Vector512<uint>* words)
    {
        // parts[4q + j]: in its 128-bit part p, word 4p + j of the rows 4q to 4q + 3.
        byte* memory = stackalloc byte[(BlockWords + 1) * sizeof(Vector512<uint>)];
        Vector512<uint>* parts = Align(memory);
        for (int row = 0; row < Count; row += 4)
        {
            Vector512<uint> row0 = ReadBigEndian(blocks[row]), row1 = ReadBigEndian(blocks[row + 1]);
            Vector512<uint> row2 = ReadBigEndian(blocks[row + 2]), row3 = ReadBigEndian(blocks[row + 3]);
            Vector512<ulong> low01 = Avx512F.UnpackLow(row0, row1).AsUInt64(), high01 = Avx512F.UnpackHigh(row0, row1).AsUInt64();
            Vector512<ulong> low23 = Avx512F.UnpackLow(row2, row3).AsUInt64(), high23 = Avx512F.UnpackHigh(row2, row3).AsUInt64();
            parts[row] = Avx512F.UnpackLow(low01, low23).AsUInt32();
            parts[row + 1] = Avx512F.UnpackHigh(low01, low23).AsUInt32();
            parts[row + 2] = Avx512F.UnpackLow(high01, high23).AsUInt32();
            parts[row + 3] = Avx512F.UnpackHigh(high01, high23).AsUInt32();
        }

        const byte evenParts = 0x88;
        const byte oddParts = 0xDD;
        for (int j = 0; j < 4; j++)
        {
            Vector512<uint> even01 = Avx512F.Shuffle4x128(parts[j], parts[4 + j], evenParts);
            Vector512<uint> even23 = Avx512F.Shuffle4x128(parts[8 + j], parts[12 + j], evenParts);
            Vector512<uint> odd01 = Avx512F.Shuffle4x128(parts[j], parts[4 + j], oddParts);
            Vector512<uint> odd23 = Avx512F.Shuffle4x128(parts[8 + j], parts[12 + j], oddParts);
            words[j] = Avx512F.Shuffle4x128(even01, even23, evenParts);
            words[4 + j] = Avx512F.Shuffle4x128(odd01, odd23, evenParts);
            words[8 + j] = Avx512F.Shuffle4x128(even01, even23, oddParts);
            words[12 + j] = Avx512F.Shuffle4x128(odd01, odd23, oddParts);
        }
    }

    // Part p to one half of the hash of lane 4p, in big-endian.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreParts(Vector512<ulong> parts, MerkleHash* hashes, int half)
    {
        Vector512<byte> bytes = SwapWords(parts.AsByte());
        bytes.GetLower().GetLower().Store((byte*)hashes + (16 * half));
        bytes.GetLower().GetUpper().Store((byte*)(hashes + 4) + (16 * half));
        bytes.GetUpper().GetLower().Store((byte*)(hashes + 8) + (16 * half));
        bytes.GetUpper().GetUpper().Store((byte*)(hashes + 12) + (16 * half));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> ReadBigEndian(byte* block) => SwapWords(Vector512.Load(block)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> SwapWords(Vector512<byte> words)
    {
        Vector128<byte> swap = Vector128.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        return Avx512BW.Shuffle(words, Vector512.Create(Vector256.Create(swap, swap), Vector256.Create(swap, swap)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint>* Align(byte* memory) =>
        (Vector512<uint>*)(((nuint)memory + (nuint)sizeof(Vector512<uint>) - 1) & ~((nuint)sizeof(Vector512<uint>) - 1));

    private static byte* AllocateZeros(nuint bytes) => (byte*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(bytes);
}
