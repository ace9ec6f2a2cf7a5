using System.Text;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Tests.Devices;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>A kernel's panic on the console, as kernel/panic.c of Linux prints it.</summary>
public class PanicDetectorTests
{
    private const string Reason = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100";

    private readonly RecordedSink _sink = new();
    private readonly PanicDetector _detector;
    private int _panics;

    public PanicDetectorTests() => _detector = new PanicDetector(_sink) { Panicked = () => _panics++ };

    [Theory]
    [InlineData(Reason)]
    [InlineData("[    0.362065] " + Reason)]
    [InlineData("[12345.678901] " + Reason)]
    [InlineData("half a line of a progr[    0.362065] " + Reason)]
    public void The_reason_is_what_the_kernel_says(string line)
    {
        Print("Run /init as init process\r\n" + line + "\r\n");
        _detector.Reason.Should().Be(Reason);
        _panics.Should().Be(0, "the trace is still to come");
        _sink.Text.Should().EndWith(line + "\r\n", "everything goes on to the console");
    }

    [Theory]
    [InlineData("the log said: " + Reason)]
    [InlineData("[error] " + Reason)]
    [InlineData("[] " + Reason)]
    [InlineData(" " + Reason)]
    [InlineData("[    0.362065] he said " + Reason)]
    [InlineData("Rebooting in 30 seconds..")]
    public void Quotations_are_no_panic(string line)
    {
        Print(line + "\n---[ end Kernel panic - not syncing: no ]---\n");
        _detector.Reason.Should().BeNull();
        _panics.Should().Be(0);
    }

    [Theory]
    [InlineData("---[ end " + Reason + " ]---")]
    [InlineData("[    0.5] ---[ end " + Reason + " ]---")]
    [InlineData("[    0.574960] Rebooting in 30 seconds..")]
    [InlineData("x[    0.574960] Rebooting in 30 seconds..")]
    public void It_is_over_when_the_kernel_has_said_all(string last)
    {
        Print("[    0.1] " + Reason + "\r\n[    0.2] CPU: 1 UID: 0 PID: 1 Comm: init\r\n[    0.3] Kernel Offset: disabled\r\n");
        _panics.Should().Be(0);
        Print(last);
        _panics.Should().Be(0, "the line is not complete");
        Print("\r\n");
        _panics.Should().Be(1);
        _detector.Reason.Should().Be(Reason);
    }

    [Fact]
    public void The_first_reason_stays()
    {
        Print(Reason + "\nKernel panic - not syncing: another\n");
        _detector.Reason.Should().Be(Reason);
    }

    [Fact]
    public void Endless_lines_are_bounded()
    {
        Print(new string('x', 100_000) + "\n" + Reason + new string('y', 100_000) + "\n");
        _detector.Reason.Should().StartWith(Reason).And.Match(reason => reason.Length < 1000);
    }

    private void Print(string text)
    {
        foreach (byte b in Encoding.ASCII.GetBytes(text))
            _detector.Write(b);
    }
}
