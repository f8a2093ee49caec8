package io.pyglue.druid.avro;

import com.fasterxml.jackson.databind.Module;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.google.inject.Binder;
import java.util.List;
import org.apache.druid.initialization.DruidModule;

/**
 * Makes the JSON names {@code avro_stream} and {@code schema_inline} known to Druid. They are the names of
 * Druid's official Avro extension, so that a specification works with either.
 */
public final class AvroModule implements DruidModule {
  @Override
  public List<? extends Module> getJacksonModules() {
    SimpleModule module = new SimpleModule("PyglueAvroModule");
    module.registerSubtypes(
        new NamedType(AvroStreamInputFormat.class, AvroStreamInputFormat.TYPE),
        new NamedType(InlineSchemaDecoder.class, InlineSchemaDecoder.TYPE));
    return List.of(module);
  }

  @Override
  public void configure(Binder binder) {
    // Nothing to bind: what this extension offers is found by its JSON names.
  }
}
