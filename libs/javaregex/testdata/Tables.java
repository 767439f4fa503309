import java.lang.reflect.Field;
import java.util.*;

// Prints tables.txt: the names that Java has for blocks and scripts of Unicode, and what is mirrored. A line is "block", first
// and last character and the names; "script", a name and an alias of ISO 15924; or "mirrored", first and last character.
// It needs --add-opens java.base/java.lang=ALL-UNNAMED.
class Tables {
    @SuppressWarnings("unchecked")
    static <T> Map<String, T> names(Class<?> of, String field) throws ReflectiveOperationException {
        Field f = of.getDeclaredField(field);
        f.setAccessible(true);
        return new TreeMap<>((Map<String, T>) f.get(null));
    }

    public static void main(String[] args) throws ReflectiveOperationException {
        Map<Character.UnicodeBlock, List<String>> blocks = new IdentityHashMap<>();
        Tables.<Character.UnicodeBlock>names(Character.UnicodeBlock.class, "map")
            .forEach((name, block) -> blocks.computeIfAbsent(block, b -> new ArrayList<>()).add(name));
        for (int first = 0, next = 1; first <= Character.MAX_CODE_POINT; first = next++) {
            Character.UnicodeBlock block = Character.UnicodeBlock.of(first);
            while (next <= Character.MAX_CODE_POINT && Character.UnicodeBlock.of(next) == block) next++;
            if (block != null) System.out.printf("block\t%X\t%X\t%s%n", first, next - 1, String.join("\t", blocks.remove(block)));
        }
        blocks.values().forEach(all -> System.out.printf("block\t1\t0\t%s%n", String.join("\t", all))); // without characters
        Tables.<Character.UnicodeScript>names(Character.UnicodeScript.class, "aliases")
            .forEach((alias, script) -> System.out.printf("script\t%s\t%s%n", script, alias));
        for (int first = 0, next; first <= Character.MAX_CODE_POINT; first = next) {
            for (next = first; next <= Character.MAX_CODE_POINT && Character.isMirrored(next); next++) ;
            if (next > first) System.out.printf("mirrored\t%X\t%X%n", first, next - 1);
            else next++;
        }
    }
}
