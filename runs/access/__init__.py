"""Who asks and what they may do: credentials to subjects, the gate, the audit. Adapters ask it; the engine never does."""
