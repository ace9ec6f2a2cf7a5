using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Memory;

public class MemoryImageTests
{
    private const int Page = 4096;
    private const long Size = 16 << 20;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_clone_has_what_its_original_had_and_goes_its_own_way(bool shared)
    {
        using GuestMemory original = GuestMemory.Allocate(Size);
        Put(original, 0, 1);
        Put(original, 700, 2);
        Put(original, (Size / Page) - 1, 3);
        using MemoryImage image = original.Capture(shared);
        Put(original, 700, 20);
        Put(original, 800, 21);
        using GuestMemory one = image.Clone();
        using GuestMemory other = image.Clone();
        Put(one, 0, 10);
        Put(one, 900, 11);

        Get(original, 0, 700, 800, 900, (Size / Page) - 1).Should().Equal(1, 20, 21, 0, 3);
        Get(one, 0, 700, 800, 900, (Size / Page) - 1).Should().Equal(10, 2, 0, 11, 3);
        Get(other, 0, 700, 800, 900, (Size / Page) - 1).Should().Equal(1, 2, 0, 0, 3);
    }

    [Fact]
    public void Clones_outlive_image_and_original()
    {
        GuestMemory original = GuestMemory.Allocate(Size);
        Put(original, 5, 42);
        MemoryImage image = original.Capture();
        using GuestMemory clone = image.Clone();
        image.Dispose();
        original.Dispose();

        Get(clone, 5).Should().Equal(42);
        image.Invoking(disposed => disposed.Clone()).Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Later_images_and_images_of_clones_are_whole(bool shared)
    {
        using GuestMemory original = GuestMemory.Allocate(Size);
        for (int page = 0; page < 2000; page++)
            Put(original, page, (byte)(page | 1));
        using MemoryImage first = original.Capture(shared);
        Put(original, 7, 99);
        Put(original, 3000, 98);
        original.GetSpan(new GuestAddress(9 * Page), Page).Clear();
        using MemoryImage second = original.Capture(shared);
        using GuestMemory clone = second.Clone();
        Put(clone, 8, 97);
        using MemoryImage third = clone.Capture(shared);
        using GuestMemory grandchild = third.Clone();

        Get(grandchild, 7, 8, 9, 10, 1999, 2000, 3000).Should().Equal(99, 97, 0, 11, 1999 & 0xFF, 0, 98);
        Get(clone, 8).Should().Equal(97);
        Get(original, 8).Should().Equal(9);
    }

    [Fact]
    public void Pages_that_are_zero_again_take_no_room_in_later_images()
    {
        using GuestMemory original = GuestMemory.Allocate(Size);
        Put(original, 1, 1);
        for (int page = 100; page < 3000; page++)
            Put(original, page, 0);
        using MemoryImage first = original.Capture();
        for (int page = 100; page < 3000; page++)
            Put(original, page, 2);
        original.GetSpan(new GuestAddress(100 * Page), 2900 * Page).Clear();
        Put(original, 1, 0);
        Put(original, 3500, 3);
        using MemoryImage second = original.Capture();
        using GuestMemory clone = second.Clone();

        Get(clone, 1, 100, 1500, 2999, 3000, 3500).Should().Equal(0, 0, 0, 0, 0, 3);
        if (OperatingSystem.IsLinux())
            second.StoredBytes.Should().BeLessThanOrEqualTo(first.StoredBytes + (2 * Page));
    }

    [Fact]
    public void An_image_after_many_changes_is_whole()
    {
        using GuestMemory original = GuestMemory.Allocate(Size);
        Put(original, 1, 1);
        using MemoryImage first = original.Capture();
        for (int page = 0; page < Size / Page; page++)
            Put(original, page, (byte)(page % 251));
        using MemoryImage second = original.Capture();
        using GuestMemory clone = second.Clone();

        clone.Pages(0, (int)(Size / Page)).SequenceEqual(original.Pages(0, (int)(Size / Page))).Should().BeTrue();
        first.StoredBytes.Should().BeLessThan(Size / 4);
    }

    [Fact]
    public void Pages_that_the_last_user_has_released_are_nobody_s_any_more()
    {
        MemoryTemplate template = MemoryTemplate.Read(new Pages(0), shared: false);
        template.Share().Dispose();
        template.Dispose();

        template.Invoking(released => released.Share()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Guests_of_an_image_that_lies_elsewhere_have_its_pages()
    {
        var pages = new Pages(3, 4, 700, (int)(Size / Page) - 1);
        using var image = new MemoryImage(Size, pages);
        using GuestMemory first = image.Clone();
        Put(first, 3, 99);
        using GuestMemory second = image.Clone();
        Put(second, 4, 98);
        using GuestMemory third = image.Clone();

        Get(first, 3, 4, 5, 700, (Size / Page) - 1).Should().Equal(99, 4, 0, 700 & 0xFF, 0xFF);
        Get(second, 3, 4, 5, 700, (Size / Page) - 1).Should().Equal(3, 98, 0, 700 & 0xFF, 0xFF);
        Get(third, 3, 4, 5, 700, (Size / Page) - 1).Should().Equal(3, 4, 0, 700 & 0xFF, 0xFF);
        pages.Reads.Should().Be(8, "the first guest has pages of its own, the others share theirs");
        pages.IsDisposed.Should().BeTrue("nobody will need them again");
    }

    [Fact]
    public void Guests_that_want_an_image_at_once_all_get_it_whole()
    {
        using var image = new MemoryImage(Size, new Pages([.. Enumerable.Range(0, 2000)]));
        GuestMemory[] guests = [.. Enumerable.Range(0, 8).AsParallel().WithDegreeOfParallelism(8).Select(_ => image.Clone())];
        try
        {
            foreach (GuestMemory guest in guests)
                guest.Pages(0, 2001).SequenceEqual(guests[0].Pages(0, 2001)).Should().BeTrue();
            Get(guests[7], 0, 1, 1999, 2000).Should().Equal(0, 1, 1999 & 0xFF, 0);
        }
        finally
        {
            foreach (GuestMemory guest in guests)
                guest.Dispose();
        }
    }

    [Fact]
    public void Pages_that_cannot_be_read_make_no_guest_and_may_be_tried_again()
    {
        var pages = new Pages(3, 4, 700) { Broken = 700 };
        using var image = new MemoryImage(Size, pages);
        image.Invoking(broken => broken.Clone()).Should().Throw<IOException>().WithMessage("page 700");

        pages.Broken = -1;
        using GuestMemory first = image.Clone();
        pages.Broken = 4;
        image.Invoking(broken => broken.Clone()).Should().Throw<IOException>().WithMessage("page 4");
        pages.Broken = -1;
        using GuestMemory second = image.Clone();

        Get(first, 3, 4, 700).Should().Equal(3, 4, 700 & 0xFF);
        Get(second, 3, 4, 700).Should().Equal(3, 4, 700 & 0xFF);
    }

    [Fact]
    public void A_disposed_image_lets_go_of_where_it_lies()
    {
        var pages = new Pages(1);
        var image = new MemoryImage(Size, pages);
        image.Clone().Dispose();

        image.Dispose();
        image.Dispose();

        pages.IsDisposed.Should().BeTrue();
        image.Invoking(disposed => disposed.Clone()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Memory_that_the_host_does_not_have_is_refused_to_clones_too()
    {
        long size = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Page * Page * 2;
        using var image = new MemoryImage(size, new Pages(0));

        image.Invoking(saved => saved.Clone()).Should().Throw<GuestMemoryException>().WithMessage("*larger than what this host has*");
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0 1 2 40 41 999")]
    public void Runs_have_every_page_that_is_needed_once(string needed)
    {
        int[] pages = [.. needed.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

        IReadOnlyList<PageRun> runs = MemoryTemplate.FindRuns(Marks(1000, pages));

        Array.FindAll(pages, page => runs.Count(run => page >= run.First && page < run.End) != 1).Should().BeEmpty();
        runs.Sum(run => run.Count).Should().BeLessThan(1000);
        runs.Select(run => run.Stored).Should().Equal(runs.Select((_, i) => runs.Take(i).Sum(run => run.Count)));
    }

    [Fact]
    public void Scattered_pages_do_not_need_thousands_of_mappings()
    {
        int[] pages = [.. Enumerable.Range(0, 5000).Select(i => i * 20)];

        IReadOnlyList<PageRun> runs = MemoryTemplate.FindRuns(Marks(100_000, pages));

        runs.Count.Should().BeLessThanOrEqualTo(256);
        pages.Should().OnlyContain(page => runs.Any(run => page >= run.First && page < run.End));
    }

    private static bool[] Marks(int count, int[] pages)
    {
        bool[] marks = new bool[count];
        foreach (int page in pages)
            marks[page] = true;
        return marks;
    }

    private static void Put(GuestMemory memory, long page, byte value) => memory.GetSpan(new GuestAddress((ulong)page * Page), Page)[17] = value;

    private static int[] Get(GuestMemory memory, params long[] pages) => [.. pages.Select(page => (int)memory.GetSpan(new GuestAddress((ulong)page * Page), Page)[17])];

    /// <summary>Pages full of the low byte of their numbers, each a run and a piece of its own.</summary>
    private sealed class Pages(params int[] numbers) : IPageSource
    {
        private int _reads;

        public IReadOnlyList<PageRun> Runs { get; } = [.. numbers.Select((number, i) => new PageRun(number, 1, i))];

        public IReadOnlyList<PageRun> Pieces => Runs;

        public int Reads => _reads;

        public int Broken { get; set; } = -1;

        public bool IsDisposed { get; private set; }

        public void Read(int piece, Span<byte> bytes)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            Interlocked.Increment(ref _reads);
            if (numbers[piece] == Broken)
                throw new IOException($"page {Broken}");
            bytes.Fill((byte)numbers[piece]);
        }

        public void Dispose() => IsDisposed = true;
    }
}
