// Pulumi notes for each resource where it was made, by a stack trace. Its runner has every line of them looked up in source
// maps, which takes 60 MB and half a second here, for nothing: Node runs these sources as they are.
Reflect.deleteProperty(Error, 'prepareStackTrace');
