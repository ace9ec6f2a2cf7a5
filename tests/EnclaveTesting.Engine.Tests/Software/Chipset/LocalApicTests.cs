using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The local APIC's registers, priorities and messages.</summary>
public class LocalApicTests
{
    [Fact]
    public void Shows_its_identity()
    {
        var fabric = new InterruptFabric(cpus: 3, enabled: false);

        fabric.Read(2, InterruptFabric.Id).Should().Be(2u << 24);
        fabric.Read(2, InterruptFabric.Version).Should().Be(0x0005_0014);
        fabric.Read(0, InterruptFabric.Spurious).Should().Be(0xFF);
        fabric.Read(0, InterruptFabric.TimerVector).Should().Be(0x1_0000);
        fabric.Apic(0).State.Base.Should().Be(0xFEE0_0900);
        fabric.Apic(1).State.Base.Should().Be(0xFEE0_0800);
    }

    [Fact]
    public void Leaves_the_boot_cpus_pins_as_firmware_does()
    {
        var fabric = new InterruptFabric(enabled: false);
        fabric.Apic().PrepareForBoot();

        fabric.Read(0, InterruptFabric.Lint0).Should().Be(0x700);
        fabric.Read(0, InterruptFabric.Lint1).Should().Be(0x400);
        fabric.Apic().TakesExternal.Should().BeTrue();
    }

    [Fact]
    public void Takes_vectors_by_priority_and_one_class_at_a_time()
    {
        var fabric = new InterruptFabric();
        foreach (byte vector in new byte[] { 0x31, 0x45, 0x33, 0xE0 })
            fabric.Apic().Accept(vector, level: false);

        fabric.Read(0, InterruptFabric.Requested + 0x10).Should().Be(0x000A_0000);
        fabric.Apic().Take().Should().Be(0xE0);
        fabric.Read(0, InterruptFabric.ProcessorPriority).Should().Be(0xE0);
        fabric.Apic().Take().Should().Be(-1);
        fabric.Read(0, InterruptFabric.InService + 0x70).Should().Be(1);
        fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);
        fabric.Apic().Take().Should().Be(0x45);
        fabric.Apic().Accept(0x51, level: false);
        fabric.Apic().Take().Should().Be(0x51, "a higher class interrupts a lower one");
        fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);
        fabric.Apic().Take().Should().Be(-1);
        fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);
        fabric.Drain().Should().Equal(0x33, 0x31);
    }

    [Fact]
    public void Announces_what_the_task_priority_lets_through()
    {
        var fabric = new InterruptFabric();
        fabric.Apic().TaskPriorityClass = 4;
        fabric.Apic().Accept(0x4F, level: false);
        fabric.Announced.Should().BeEmpty();
        fabric.Apic().Take().Should().Be(-1);

        fabric.Write(0, InterruptFabric.TaskPriority, 0x3F);

        fabric.Apic().TaskPriorityClass.Should().Be(3);
        fabric.Announced.Should().Equal(0);
        fabric.Apic().Take().Should().Be(0x4F);
    }

    [Fact]
    public void Announces_the_next_interrupt_after_the_end_of_one()
    {
        var fabric = new InterruptFabric();
        fabric.Apic().Accept(0x41, level: false);
        fabric.Apic().Take();
        fabric.Apic().Accept(0x40, level: false);
        fabric.Announced.Clear();

        fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);

        fabric.Announced.Should().Equal(0);
    }

    [Fact]
    public void Takes_no_vectors_while_disabled()
    {
        var fabric = new InterruptFabric(enabled: false);
        fabric.Apic().Accept(0x40, level: false);
        fabric.Write(0, InterruptFabric.TimerVector, 0x30);

        fabric.Drain().Should().BeEmpty();
        fabric.Read(0, InterruptFabric.TimerVector).Should().Be(0x1_0030, "the mask cannot be cleared");
        fabric.Write(0, InterruptFabric.Spurious, 0x1FF);
        fabric.Write(0, InterruptFabric.TimerVector, 0x30);
        fabric.Read(0, InterruptFabric.TimerVector).Should().Be(0x30);
        fabric.Write(0, InterruptFabric.Spurious, 0xFF);
        fabric.Read(0, InterruptFabric.TimerVector).Should().Be(0x1_0030);
    }

    [Fact]
    public void Reports_errors()
    {
        var fabric = new InterruptFabric();
        fabric.Write(0, InterruptFabric.ErrorVector, 0xFE);

        fabric.Send(0, 0, 0x0005);
        fabric.Apic().Accept(3, level: false);
        fabric.Read(0, 0x3F0);

        fabric.Read(0, InterruptFabric.Errors).Should().Be(0);
        fabric.Write(0, InterruptFabric.Errors, 0);
        fabric.Read(0, InterruptFabric.Errors).Should().Be(0xE0);
        fabric.Write(0, InterruptFabric.Errors, 0);
        fabric.Read(0, InterruptFabric.Errors).Should().Be(0);
        fabric.Drain().Should().Equal(0xFE);
    }

    [Fact]
    public void Survives_an_error_vector_that_is_illegal_itself()
    {
        var fabric = new InterruptFabric();
        fabric.Write(0, InterruptFabric.ErrorVector, 0x02);

        fabric.Read(0, 0x000);

        fabric.Write(0, InterruptFabric.Errors, 0);
        fabric.Read(0, InterruptFabric.Errors).Should().Be(0x80);
    }

    [Theory]
    [InlineData(0, 2u, 0x0041u, new[] { 2 })] // physical
    [InlineData(0, 0xFFu, 0x0041u, new[] { 0, 1, 2, 3 })]
    [InlineData(1, 0u, 0x4_0041u, new[] { 1 })] // self
    [InlineData(1, 0u, 0x8_0041u, new[] { 0, 1, 2, 3 })] // all
    [InlineData(1, 0u, 0xC_0041u, new[] { 0, 2, 3 })] // all but self
    [InlineData(0, 0x0Au, 0x0841u, new[] { 1, 3 })] // logical, flat
    [InlineData(0, 0x06u, 0x0941u, new[] { 1 })] // lowest priority among two equals
    public void Sends_fixed_interrupts(int from, uint destination, uint command, int[] targets)
    {
        var fabric = new InterruptFabric(cpus: 4);
        for (int i = 0; i < 4; i++)
            fabric.Write(i, InterruptFabric.LogicalDestination, 1u << (24 + i));

        fabric.Send(from, destination, command);

        Enumerable.Range(0, 4).Where(cpu => fabric.Drain(cpu).Contains(0x41)).Should().Equal(targets);
        fabric.Announced.Should().BeEquivalentTo(targets);
        fabric.Read(from, InterruptFabric.CommandLow).Should().Be(command, "delivery is never pending");
    }

    [Fact]
    public void Matches_clusters()
    {
        var fabric = new InterruptFabric(cpus: 4);
        for (int i = 0; i < 4; i++)
        {
            fabric.Write(i, InterruptFabric.DestinationFormat, 0x0FFF_FFFF);
            fabric.Write(i, InterruptFabric.LogicalDestination, (uint)((i / 2 << 4) | (1 << (i % 2))) << 24);
        }

        fabric.Send(0, 0x13, 0x0841);
        fabric.Send(0, 0x02, 0x0842);

        Enumerable.Range(0, 4).Select(cpu => fabric.Drain(cpu)).Should().BeEquivalentTo(new List<int>[] { [], [0x42], [0x41], [0x41] }, options => options.WithStrictOrdering());
    }

    [Fact]
    public void Lowest_priority_goes_to_the_least_busy()
    {
        var fabric = new InterruptFabric(cpus: 2);
        fabric.Write(0, InterruptFabric.TaskPriority, 0x80);

        fabric.Send(0, 0xFF, 0x0141);

        fabric.Drain(0).Should().BeEmpty();
        fabric.Drain(1).Should().Equal(0x41);
    }

    [Fact]
    public void Starts_other_processors()
    {
        var fabric = new InterruptFabric(cpus: 3);
        fabric.Apic(2).Accept(0x50, level: false);

        fabric.Send(0, 2, 0x4500);
        fabric.Send(0, 2, 0x8500);
        fabric.Send(0, 2, 0x4608);
        fabric.Send(0, 1, 0x0400);

        fabric.Told.Should().Equal("init 2", "start 2 at 0x8", "nmi 1");
        fabric.Read(2, InterruptFabric.Spurious).Should().Be(0xFF);
        fabric.Read(2, InterruptFabric.Requested + 0x20).Should().Be(0);
    }

    [Fact]
    public void Only_whole_registers_are_written_and_none_is_read_across_its_end()
    {
        var fabric = new InterruptFabric();
        fabric.Apic().WriteMmio(InterruptFabric.TaskPriority, 1, 0x20);
        fabric.Apic().WriteMmio(InterruptFabric.TaskPriority + 4, 4, 0x20);
        fabric.Read(0, InterruptFabric.TaskPriority).Should().Be(0);

        fabric.Apic().ReadMmio(InterruptFabric.Version + 2, 2).Should().Be(5);
        fabric.Apic().ReadMmio(InterruptFabric.Version + 2, 4).Should().Be(0);
        fabric.Apic().ReadMmio(InterruptFabric.Version, 8).Should().Be(0);
    }

    [Fact]
    public void Changes_modes_only_as_the_manual_allows()
    {
        LocalApic apic = new InterruptFabric().Apic();
        const ulong window = 0xFEE0_0000, enabled = 0x800, x2 = 0x400, boot = 0x100;

        apic.TrySetBase(window | x2).Should().BeFalse();
        apic.TrySetBase(window | enabled | 1).Should().BeFalse("reserved bits");
        apic.TrySetBase(window | enabled | x2 | boot).Should().BeTrue();
        apic.Window.Should().BeNull();
        apic.TrySetBase(window | enabled | boot).Should().BeFalse("not straight back to xAPIC");
        apic.TrySetBase(window | boot).Should().BeTrue();
        apic.TakesExternal.Should().BeTrue("a disabled APIC lets the 8259 pair through");
        apic.TrySetBase(window | enabled | x2 | boot).Should().BeFalse();
        apic.TrySetBase(0xFEC1_0000 | enabled).Should().BeTrue();
        apic.Window.Should().Be(0xFEC1_0000);
        apic.State.Base.Should().Be(0xFEC1_0000 | enabled | boot, "which CPU boots cannot be changed");
    }

    [Fact]
    public void Speaks_x2apic()
    {
        var fabric = new InterruptFabric(cpus: 18);
        for (int i = 0; i < 18; i++)
            fabric.Apic(i).TrySetBase(fabric.Apic(i).State.Base | 0x400).Should().BeTrue();
        LocalApic apic = fabric.Apic(17);

        apic.TryReadMsr(0x802, out ulong id).Should().BeTrue();
        id.Should().Be(17);
        apic.TryReadMsr(0x80D, out ulong logical).Should().BeTrue();
        logical.Should().Be(0x1_0002);
        apic.TryWriteMsr(0x80D, 1).Should().BeFalse();
        apic.TryReadMsr(0x80B, out _).Should().BeFalse();
        apic.TryWriteMsr(0x80B, 1).Should().BeFalse();
        apic.TryReadMsr(0x80E, out _).Should().BeFalse();
        apic.TryReadMsr(0x831, out _).Should().BeFalse();
        apic.TryWriteMsr(0x808, 1UL << 32).Should().BeFalse();

        fabric.Apic().TryWriteMsr(0x830, (17UL << 32) | 0x41).Should().BeTrue();
        fabric.Apic().TryWriteMsr(0x830, (0x1_0003UL << 32) | 0x842).Should().BeTrue();
        fabric.Apic().TryWriteMsr(0x83F, 0x43).Should().BeTrue();
        fabric.Apic().TryReadMsr(0x830, out ulong command).Should().BeTrue();
        command.Should().Be((0x1_0003UL << 32) | 0x842);

        apic.Take().Should().Be(0x42);
        apic.TryWriteMsr(0x80B, 0).Should().BeTrue();
        apic.Take().Should().Be(0x41);
        fabric.Apic(16).Take().Should().Be(0x42);
        fabric.Apic().Take().Should().Be(0x43);
        fabric.Apic(1).Take().Should().Be(-1);
    }

    [Fact]
    public void An_xapic_has_no_msrs()
    {
        LocalApic apic = new InterruptFabric().Apic();

        apic.TryReadMsr(0x802, out _).Should().BeFalse();
        apic.TryWriteMsr(0x80B, 0).Should().BeFalse();
    }
}
