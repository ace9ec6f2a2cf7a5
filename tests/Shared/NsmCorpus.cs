namespace EnclaveTesting.Tests.Shared;

/// <summary>Requests for the security module of which almost all are wrong: noise, requests with some bytes changed or cut off, and requests put together at random.</summary>
internal static class NsmCorpus
{
    private static readonly string[] Names = ["DescribeNSM", "GetRandom", "DescribePCR", "ExtendPCR", "LockPCR", "LockPCRs", "Attestation", "Error", "", "lockpcr"];
    private static readonly string[] Parameters = ["index", "range", "data", "user_data", "nonce", "public_key", "indexx", ""];

    public static byte[] Generate(Random random) => random.Next(4) switch
    {
        0 => RandomBytes(random),
        1 => Mutate(random, Structured(random)),
        2 => Truncate(random, Structured(random)),
        _ => Structured(random),
    };

    private static byte[] RandomBytes(Random random)
    {
        byte[] bytes = new byte[random.Next(random.Next(8) == 0 ? 4200 : 40)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Mutate(Random random, byte[] bytes)
    {
        for (int i = random.Next(1, 4); i > 0 && bytes.Length > 0; i--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return bytes;
    }

    private static byte[] Truncate(Random random, byte[] bytes) => bytes[..random.Next(bytes.Length)];

    /// <summary>Something that has the form of a request, its parts put together at random.</summary>
    private static byte[] Structured(Random random)
    {
        var bytes = new List<byte>();
        if (random.Next(8) == 0)
        {
            Text(Names[random.Next(Names.Length)]);
        }
        else
        {
            Head(5, random.Next(8) == 0 ? random.Next(4) : 1);
            Text(Names[random.Next(Names.Length)]);
            int count = random.Next(4);
            Head(random.Next(16) == 0 ? random.Next(8) : 5, random.Next(16) == 0 ? random.NextInt64() : count);
            for (int i = 0; i < count; i++)
            {
                Text(Parameters[random.Next(Parameters.Length)]);
                Item(depth: 0);
            }
        }

        return [.. bytes];

        void Item(int depth)
        {
            int type = random.Next(8);
            long size = type switch
            {
                0 or 1 => random.Next(2) == 0 ? random.Next(34) : random.NextInt64(),
                2 or 3 => random.Next(random.Next(8) == 0 ? 2000 : 20),
                4 or 5 => random.Next(4),
                _ => random.Next(24),
            };
            Head(type, random.Next(32) == 0 ? random.NextInt64() : size);
            if (type is 2 or 3)
            {
                byte[] content = new byte[size];
                random.NextBytes(content);
                bytes.AddRange(content);
            }
            else if (type is 4 or 5 && depth < 6)
            {
                for (long i = type == 4 ? size : 2 * size; i > 0; i--)
                    Item(depth + 1);
            }
            else if (type == 6 && depth < 6)
            {
                Item(depth + 1);
            }
        }

        void Text(string text)
        {
            Head(3, text.Length);
            foreach (char letter in text)
                bytes.Add((byte)letter);
        }

        // A CBOR head, in a width that is not always the shortest, sometimes of indefinite length or with a reserved width.
        void Head(int type, long value)
        {
            if (random.Next(64) == 0)
            {
                bytes.Add((byte)(type << 5 | random.Next(28, 32)));
                return;
            }

            int width = value < 24 ? 0 : value < 256 ? 1 : value < 65536 ? 2 : value <= uint.MaxValue ? 4 : 8;
            if (random.Next(8) == 0)
                width = Math.Max(width, 1 << random.Next(4));
            if (width == 0)
            {
                bytes.Add((byte)(type << 5 | (int)value));
                return;
            }

            bytes.Add((byte)(type << 5 | (24 + int.Log2(width))));
            for (int i = width - 1; i >= 0; i--)
                bytes.Add((byte)(value >> (8 * i)));
        }
    }
}
