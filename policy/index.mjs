// Pulumi loads a pack by `require`, with a compiler of its own for .ts files. A module in JavaScript leaves the rest to Node.
import './pack.ts';
