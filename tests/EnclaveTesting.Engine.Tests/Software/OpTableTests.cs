using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software;

public unsafe class OpTableTests
{
    [Fact]
    public void Threads_that_look_for_all_instructions_at_once_find_what_one_finds_alone()
    {
        Code[] codes = Enum.GetValues<Code>();
        OpTable alone = InstructionSet.Create();
        nint[] expected = [.. codes.Select(code => (nint)alone.Find(code, memory: true))];
        OpTable shared = InstructionSet.Create();
        const int threads = 4;
        using var gate = new Barrier(threads);
        var found = new nint[threads][];
        Thread[] all = [.. Enumerable.Range(0, threads).Select(number => new Thread(() =>
        {
            // Each begins elsewhere, so that different topics are wanted at the same time.
            var mine = new nint[codes.Length];
            gate.SignalAndWait();
            for (int i = 0; i < codes.Length; i++)
            {
                int at = (i + (number * codes.Length / threads)) % codes.Length;
                mine[at] = (nint)shared.Find(codes[at], memory: true);
            }

            found[number] = mine;
        }))];
        foreach (Thread thread in all)
            thread.Start();
        foreach (Thread thread in all)
            thread.Join();

        expected.Should().Contain(handler => handler != 0);
        found.Should().AllSatisfy(handlers => handlers.Should().Equal(expected));
    }

    [Theory]
    [InlineData(Code.Add_rm32_r32)]
    [InlineData(Code.Fninit)]
    [InlineData(Code.Addsd_xmm_xmmm64)]
    [InlineData(Code.VEX_Vfmadd231ss_xmm_xmm_xmmm32)]
    public void An_instruction_is_there_when_it_is_looked_for_first(Code code) => InstructionSet.Create().Contains(code).Should().BeTrue();

    [Fact]
    public void All_instructions_are_counted_before_any_is_looked_for()
    {
        OpTable table = InstructionSet.Create();
        int count = table.Count;
        Enum.GetValues<Code>().Count(table.Contains).Should().Be(count);
    }
}
