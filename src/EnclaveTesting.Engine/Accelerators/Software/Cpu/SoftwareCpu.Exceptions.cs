namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Faults: a handler raises one and returns false; the run loop delivers it at the instruction's address.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    /// <summary>Makes a fault pending; always false.</summary>
    public bool RaiseException(int vector) => throw new NotImplementedException(vector.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Makes a fault with an error code pending; always false.</summary>
    public bool RaiseException(int vector, uint errorCode) => throw new NotImplementedException($"{vector} {errorCode}");

    /// <summary>#UD; always false.</summary>
    public bool RaiseUndefined() => RaiseException(6);

    /// <summary>#NM; always false.</summary>
    public bool RaiseDeviceNotAvailable() => RaiseException(7);

    /// <summary>#GP; always false.</summary>
    public bool RaiseGeneralProtection(uint errorCode = 0) => RaiseException(13, errorCode);

    /// <summary>#MF, the x87's; always false.</summary>
    public bool RaiseX87Error() => RaiseException(16);

    /// <summary>#XM, of SSE; always false.</summary>
    public bool RaiseSimdError() => RaiseException(19);
}
